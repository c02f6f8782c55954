"""A stand-in for vLLM's server: its calls and answers as recorded, over a transformers engine in a thread of its own.

What it has no part in is vLLM itself: ``tests/e2e/test_vllm_training.py`` runs that.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mem1.inference.base import Request, Section
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.weights import FileWeights
from mem1.types import FinishReason

ENGINE = """\
[engine]
type = "vllm_server"
base_url = "{url}"
served_name = "it"
max_context = 512
weights_dir = "{weights}"
retries = 0
slots = 4
"""
"""Part of a recipe in a template: the engine at ``url``, its weights handed over in ``weights``."""


class VllmLike:
    """The server's state. ``dies_after``: completions, then it answers nothing any more."""

    def __init__(self, spec: str, *, dies_after: int | None = None) -> None:
        self.engine = TransformersEngine(
            load_model(spec, device="cpu"), load_tokenizer(spec), slots=16, max_context=2048
        )
        self.version = "default"
        self.calls: list[str] = []
        self.completions = 0
        self.dies_after = dies_after
        self.sleep_mode = True  # whether it was started with --enable-sleep-mode
        self.asleep: set[str] = set()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    @property
    def dead(self) -> bool:
        return self.dies_after is not None and self.completions >= self.dies_after

    def answer(self, method: str, path: str, body: dict[str, Any], query: str = "") -> Any:
        """The JSON that vLLM 0.32 answers; ``None`` for a path that it has not."""
        self.calls.append(f"{method} {path}{query and '?'}{query}")
        match path:
            case "/v1/models":
                return {"object": "list", "data": [{"id": "it", "object": "model"}]}
            case "/v1/completions":
                assert not self.asleep, "vLLM would hold the request until it wakes"
                return self.there(self.complete(body))
            case "/sleep":
                self.asleep = {"weights", "kv_cache"}
                return {"status": "sleeping"}
            case "/wake_up":
                self.asleep.discard(query.removeprefix("tags="))
                return {"status": "sleeping" if self.asleep else "awake"}
            case "/server_info":
                return {"vllm_config": {"model_config": {"enable_sleep_mode": self.sleep_mode}}}
            case "/collective_rpc" if body["method"] == "reload_weights":
                assert "weights" not in self.asleep, "there is no memory for them"
                self.there(self.engine.update_weights(0, FileWeights(Path(body["kwargs"]["weights_path"]))))
                return {"results": [None]}
            case "/reset_prefix_cache":
                return {"success": True}
            case "/update_weight_version":
                self.version = body["new_version"]
                return {"success": True, "new_version": self.version}
            case "/weight_info":
                return {"weight_version": self.version}
        return None

    def there(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(300)

    async def complete(self, body: dict[str, Any]) -> Any:
        section = Section("all", stops=(), final_stops=tuple(body.get("stop", ())), budget=body["max_tokens"])
        asked = Request(
            tuple(body["prompt"]), (section,), f"s{len(self.calls)}", seed=body["seed"], temperature=body["temperature"]
        )
        done = await self.engine.generate(asked)
        self.completions += 1
        text = self.engine.tokenizer.decode(done.token_ids)
        stopped = next((stop for stop in section.final_stops if stop in text), None)
        choice = {
            "index": 0,
            "text": text,
            "finish_reason": "length" if done.finish is FinishReason.LENGTH else "stop",
            "stop_reason": stopped if done.finish is FinishReason.STOP else None,
            "token_ids": list(done.token_ids),
            "prompt_token_ids": body["prompt"],
            "logprobs": {"token_logprobs": list(done.logprobs)},
        }
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(done.token_ids)}
        return {"id": "x", "object": "text_completion", "model": body["model"], "choices": [choice], "usage": usage}


@contextmanager
def serving(server: VllmLike, port: int = 0) -> Iterator[str]:
    """Its address, ``/v1`` and all, on ``port`` or a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            if server.dead:
                self.close_connection = True
                return
            path, _, query = self.path.partition("?")
            try:
                found = server.answer(self.command, path, body, query)
            except AssertionError as error:
                self.send_error(500, str(error))
                return
            data = json.dumps(found if found is not None else {"detail": "Not Found"}).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}/v1"
    finally:
        httpd.shutdown()
        httpd.server_close()
