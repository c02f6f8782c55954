"""The open web as an environment: searching it and reading pages, from public addresses only, recorded and replayed."""
