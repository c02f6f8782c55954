"""A scripted policy that notes numbers one after another, each once: what it must remember stands on its page only."""

from __future__ import annotations

import random
import re
from typing import Literal

from mem1.errors import BackendError
from mem1.inference.base import Engine, Request
from mem1.inference.config import EngineConfig
from mem1.inference.scripted.engine import ScriptedEngine, Write
from mem1.inference.tokenizers.utf8 import Utf8Tokenizer
from mem1.types import Completion

_SUMMARY = "<summary>"


def noting(last: int) -> Write:
    """Note the numbers below ``last``; where nobody knows what came of a note, look before anything else."""

    def write(session: str, context: str) -> str:
        seen = context.split("Task:")[-1]
        pages = re.findall(r"\b(next|unsure) (\d+)", seen)
        state, n = (pages[-1][0], int(pages[-1][1])) if pages else ("next", 0)
        shown = seen.split("<information>")[-1] if "<information>" in seen else ""
        if f"noted {n}" in shown or f"{n} is there" in shown:
            state, n = "next", n + 1
        elif f"{n} is missing" in shown:
            state = "next"
        elif "Nobody knows" in shown:
            state = "unsure"
        if context.endswith(_SUMMARY):
            return f" {state} {n} </summary>"
        act = f"<look> {n}</look>" if state == "unsure" else f"<note> {n}</note>"
        return f"<think> {state} {n} </think>{act if n < last else '<answer> all noted </answer>'}"

    return write


class NotingConfig(EngineConfig):
    """Notes the numbers below ``last``. Of the memory's side calls the share ``failing`` fails."""

    type: Literal["noting"] = "noting"
    last: int
    failing: float = 0.0

    def build(self, model: str) -> Engine:
        """The policy."""
        return _Failing(noting(self.last), self.failing)


class _Failing(ScriptedEngine):
    def __init__(self, write: Write, failing: float) -> None:
        super().__init__(write, Utf8Tokenizer(), max_context=100_000)
        self._failing = failing

    async def generate(self, request: Request) -> Completion:
        side = self.tokenizer.decode(request.prompt[-len(_SUMMARY) :]) == _SUMMARY
        if side and random.random() < self._failing:
            raise BackendError("a side call failed")
        return await super().generate(request)
