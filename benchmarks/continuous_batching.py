"""Continuous batching against lock-step batches: the same episodes of uneven length, once each way.

    python benchmarks/continuous_batching.py [--quick] [--json] [--threads N]

A small random policy (Qwen2, hidden 192, 4 layers, vocabulary 4096) plays episodes of 1 to 6 turns whose
completions are 8 to 256 tokens long (log-uniform). Each next prompt keeps the task prompt and what was just written.
Lock-step admits a batch, computes all of its rows until the longest ends, and only then admits the
next one, as static batching does. Both ways sample the same tokens, which is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from mem1.inference.base import Request, Section
from mem1.inference.config import Schedule
from mem1.inference.hf.transformers_engine import EngineStats, TransformersEngine

VOCABULARY = 4096
PROMPT = 100


class NoText:
    """A tokenizer for a policy whose tokens mean nothing."""

    eos_id: int | None = None
    special_strings: tuple[str, ...] = ()

    def encode(self, text: str) -> list[int]:
        """No text, no tokens."""
        return []

    def decode(self, token_ids: Sequence[int]) -> str:
        """A blank for each token."""
        return " " * len(token_ids)


@dataclass(frozen=True)
class Transcript:
    """One episode: its prompt, and how many tokens are written in each turn."""

    name: str
    prompt: tuple[int, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class TrainResult:
    """One way of doing all episodes."""

    seconds: float
    cpu_seconds: float
    tokens: dict[str, tuple[int, ...]]
    stats: EngineStats


def scripts(count: int, longest: int) -> list[Transcript]:
    """Episodes of uneven length, the same on every call."""
    source = random.Random(0)
    found = []
    for index in range(count):
        lengths = tuple(round(8 * (longest / 8) ** source.random()) for _ in range(source.randint(1, 6)))
        prompt = tuple(source.choices(range(VOCABULARY), k=PROMPT))
        found.append(Transcript(f"episode-{index}", prompt, lengths))
    return found


def play(model: Qwen2ForCausalLM, episodes: Sequence[Transcript], *, slots: int, schedule: Schedule) -> TrainResult:
    """Do all episodes, ``slots`` at a time."""
    engine = TransformersEngine(model, NoText(), slots=slots, schedule=schedule)
    written: dict[str, tuple[int, ...]] = {}

    async def one(script: Transcript, gate: asyncio.Semaphore) -> None:
        async with gate:
            prompt, all_tokens = script.prompt, tuple[int, ...]()
            for turn, length in enumerate(script.lengths):
                section = Section("text", (), (), length)
                completion = await engine.generate(Request(prompt, (section,), script.name, seed=turn))
                prompt = (*script.prompt, *completion.token_ids)
                all_tokens = (*all_tokens, *completion.token_ids)
            written[script.name] = all_tokens
            engine.release(script.name)

    async def everything() -> None:
        gate = asyncio.Semaphore(slots)
        await asyncio.gather(*(one(script, gate) for script in episodes))
        await engine.close()

    began, cpu_began = time.perf_counter(), time.process_time()
    asyncio.run(everything())
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return TrainResult(seconds, cpu_seconds, written, engine.stats)


def run(quick: bool) -> dict[str, float | str]:
    """Seconds, tokens a second and the ratio of the two ways; ``quick`` takes a quarter of the episodes."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    model = Qwen2ForCausalLM(config)
    slots = 32 if quick else 64
    episodes = scripts(48 if quick else 192, 256)
    play(model, episodes[:4], slots=slots, schedule="continuous")  # warms up
    continuous = play(model, episodes, slots=slots, schedule="continuous")
    lockstep = play(model, episodes, slots=slots, schedule="lockstep")
    same = sum(continuous.tokens[name] == lockstep.tokens[name] for name in continuous.tokens)
    written = sum(sum(script.lengths) for script in episodes)
    stats = continuous.stats
    return {
        "device": str(model.device),
        "threads": float(torch.get_num_threads()),
        "slots": float(slots),
        "episodes": float(len(episodes)),
        "tokens_written": float(written),
        "share_of_episodes_with_the_same_tokens": same / len(episodes),
        "continuous_seconds": continuous.seconds,
        "lockstep_seconds": lockstep.seconds,
        "ratio": lockstep.seconds / continuous.seconds,
        "ratio_of_cpu_time": lockstep.cpu_seconds / continuous.cpu_seconds,  # on a busy machine the steadier one
        "continuous_tokens_per_second": written / continuous.seconds,
        "lockstep_tokens_per_second": written / lockstep.seconds,
        "decode_tokens_per_second": stats.decode_tokens / stats.decode_seconds,
        "prefill_tokens_per_second": stats.prefill_tokens / stats.prefill_seconds,
        "prompt_tokens_reused": float(stats.reused_tokens),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="continuous batching against lock-step batches")
    parser.add_argument("--quick", action="store_true", help="a quarter of the episodes")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--threads", type=int, help="torch threads")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    figures = run(arguments.quick)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):42} {value if isinstance(value, str) else f'{value:,.2f}'}")


if __name__ == "__main__":
    main()
