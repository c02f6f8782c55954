"""A server in a thread: a policy behind the OpenAI formats, as vLLM or a hosted one speaks them; faults on demand."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from mem1.inference.base import Tokenizer

Next = Callable[[tuple[int, ...], tuple[int, ...], int], tuple[int, float]]
"""(prompt ids, ids written so far, seed) -> the next token id and its log-probability."""


@dataclass(frozen=True)
class Speech:
    """How the server speaks: which extensions it has."""

    tells_stop: bool = True
    returns_ids: bool = True
    returns_logprobs: bool = True
    counts: bool = True


@dataclass(frozen=True)
class Reply:
    """What goes over the wire. ``cut``: the connection is closed in the middle of the body; ``hang``: no answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False


Fault = Callable[[Reply, int], Reply]
"""(the proper reply, number of the request) -> what is sent instead."""


class Model:
    """Samples from ``policy`` token by token, with stop strings, end of text and counted tokens."""

    def __init__(self, tokenizer: Tokenizer, policy: Next, speech: Speech | None = None) -> None:
        self.tokenizer = tokenizer
        self.policy = policy
        self.speech = speech or Speech()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON of a completion."""
        if path.endswith("/chat/completions"):
            prompt = tuple(self.tokenizer.encode("".join(message["content"] for message in body["messages"])))
        elif isinstance(body["prompt"], str):
            prompt = tuple(self.tokenizer.encode(body["prompt"]))
        else:
            prompt = tuple(body["prompt"])
        ids, logprobs, reason, stop = self._sample(prompt, body)
        text = self.tokenizer.decode(ids)
        if reason == "stop" and stop is None:
            text = self.tokenizer.decode(ids[:-1])
        elif stop is not None and not body.get("include_stop_str_in_output"):
            text = text[: text.index(stop)]
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        if self.speech.tells_stop:
            choice["stop_reason"] = stop
        if path.endswith("/chat/completions"):
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        if body.get("return_token_ids") and self.speech.returns_ids:
            choice |= {"token_ids": ids, "prompt_token_ids": list(prompt)}
        if body.get("logprobs") and self.speech.returns_logprobs:
            choice["logprobs"] = {"token_logprobs": logprobs}
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": len(ids),
            "prompt_tokens_details": {"cached_tokens": len(prompt) // 2},
        }
        return {"object": "x", "choices": [choice]} | ({"usage": usage} if self.speech.counts else {})

    def _sample(self, prompt: tuple[int, ...], body: dict[str, Any]) -> tuple[list[int], list[float], str, str | None]:
        ids: list[int] = []
        logprobs: list[float] = []
        most: int = body.get("max_tokens") or body["max_completion_tokens"]
        while len(ids) < most:
            token, logprob = self.policy(prompt, tuple(ids), body.get("seed", 0))
            ids.append(token)
            logprobs.append(logprob)
            if token == self.tokenizer.eos_id:
                return ids, logprobs, "stop", None
            text = self.tokenizer.decode(ids)
            for stop in body.get("stop", ()):
                if stop in text:
                    return ids, logprobs, "stop", stop
        return ids, logprobs, "length", None


def noise(vocabulary: Sequence[int], eos_id: int | None, eos_chance: float = 0.01) -> Next:
    """Tokens at random, decided by everything before them and the seed."""

    def draw(prompt: tuple[int, ...], written: tuple[int, ...], seed: int) -> tuple[int, float]:
        rng = random.Random(repr((prompt, written, seed)))
        if eos_id is not None and rng.random() < eos_chance:
            return eos_id, -4.5
        return rng.choice(vocabulary), -rng.random() * 5

    return draw


def script(tokenizer: Tokenizer, write: Callable[[str], str]) -> Next:
    """Writes ``write(context)``; ``begun`` turns are gone on with. Ends with the end of text.

    ``write`` gets all of the text so far and returns what is left to write from there.
    """
    cache: dict[tuple[int, ...], list[int]] = {}

    def draw(prompt: tuple[int, ...], written: tuple[int, ...], seed: int) -> tuple[int, float]:
        if prompt not in cache:
            cache[prompt] = tokenizer.encode(write(tokenizer.decode(prompt)))
        planned = cache[prompt]
        token = planned[len(written)] if len(written) < len(planned) else tokenizer.eos_id
        assert token is not None
        return token, -0.25

    return draw


@dataclass
class Server:
    """Serves ``model`` on a free port of the loopback while it is entered. ``fault`` may be changed meanwhile."""

    model: Model
    fault: Fault = lambda reply, number: reply
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    delay: float = 0.0
    pages: dict[str, Any] = field(default_factory=dict)
    """What stands at which path to be read: JSON."""

    def __enter__(self) -> Server:
        self._at_once = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; whether the connection lives on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path = head[0].split()[:2]
        if method == "GET":
            page = self.pages.get(path)
            return await self._send(writer, Reply(404) if page is None else Reply(body=json.dumps(page).encode()))
        body = json.loads(raw)
        number = len(self.requests)
        self.requests.append((path, headers, body))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            proper = Reply(body=json.dumps(self.model.answer(path, body)).encode())
            return await self._send(writer, self.fault(proper, number))
        finally:
            self._at_once -= 1

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if reply.hang:
            await asyncio.sleep(3600)
        headers = {"content-type": "application/json", "content-length": str(len(reply.body)), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        body = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        return not reply.cut


def changed(reply: Reply, change: Callable[[dict[str, Any]], Any]) -> Reply:
    """``reply`` with ``change`` made to the JSON of its body."""
    content = json.loads(reply.body)
    change(content)
    return replace(reply, body=json.dumps(content).encode())
