"""The open web as an environment: questions answered with search and open."""
