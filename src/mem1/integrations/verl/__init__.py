"""mem1 on verl: clusters by Ray, FSDP2 and vLLM. verl has an environment of its own (``make venv-verl``)."""
