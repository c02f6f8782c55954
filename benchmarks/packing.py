"""Seconds of one update (forward and backward of every row): packed rows against other ways of laying out turns.

Group of 8 episodes of a 16-objective task, 17 turns each, lengths of MEM1 and of the small policy. Compared are

- ``turn rows``: one context per row, one row at a time, no padding (the reference definition);
- ``padded``: the same contexts in right-padded batches of as many tokens as a packed row;
- ``stitched``: all turns of an episode in one row under a dense two-dimensional mask (inexact: see ``train/views``);
- ``packed``: shared-prefix rows.

All rows of a kind have the same shape but for the last, so a few of each are timed and the time is extrapolated by
tokens; each figure says from how many, and ratios are of such times.
The kinds take turns and the best round counts. Ratios within one run mean something (those of CPU time are the steadier
on a busy machine), seconds across machines do not. Packing saves the prompt's share of the projections and little of
the attention, so the ratio nears "times fewer tokens" as models get wider.

Aim: packed at least 1.5 times as fast as turn rows.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.train.rows.layouts import stitch, stitched_logprobs
from mem1.train.rows.packing import PackedRow
from mem1.train.rows.samples import Sample
from mem1.types import Answer, Composition, Episode, FinishReason, Objective, StopReason, Task, Turn

VOCABULARY = 2000
CAPACITY = 16384
GROUP = 8
TASK = Task(
    id="t",
    composition=Composition.PARALLEL,
    reveal="upfront",
    split="train",
    objectives=(Objective(id="o", question="?", answers=("a",), source="bench"),),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Tokens of a task prompt, a state, an action and an observation, and the model's size."""

    name: str
    prompt: int
    state: int
    action: int
    observation: int
    hidden: int
    layers: int
    heads: int


SHAPES = (
    Shape("MEM1", prompt=700, state=250, action=30, observation=600, hidden=512, layers=2, heads=4),
    Shape("small policy", prompt=300, state=60, action=12, observation=120, hidden=192, layers=4, heads=6),
)


def group(shape: Shape, *, turns: int) -> list[Episode]:
    """Episodes of random tokens that share a prompt; each context carries the turn before."""
    rng = random.Random(0)

    def words(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(VOCABULARY) for _ in range(count))

    prompt = words(shape.prompt)
    episodes = []
    for name in range(GROUP):
        carried: tuple[int, ...] = ()
        made: list[Turn] = []
        for index in range(turns):
            completion = words(shape.state + shape.action)
            made.append(
                Turn(
                    index=index,
                    prompt_token_ids=prompt + carried,
                    prefix_length=len(prompt),
                    completion_token_ids=completion,
                    logprobs=(-1.0,) * len(completion),
                    sampled_mask=(True,) * len(completion),
                    state_length=shape.state,
                    finish=FinishReason.STOP,
                    policy_version=0,
                    state="",
                    action=Answer(text=""),
                    action_text="",
                )
            )
            carried = completion + words(shape.observation)
        episodes.append(
            Episode(
                id=str(name),
                group_id="g",
                task=TASK,
                strategy="state",
                turns=tuple(made),
                answers=(None,),
                stop=StopReason.TURN_LIMIT,
                seconds=0.0,
            )
        )
    return episodes


def model(shape: Shape) -> LlamaForCausalLM:
    """A small Llama with random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=shape.hidden,
        intermediate_size=4 * shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=32768,
    )
    made = LlamaForCausalLM(config)
    made.train(False)
    return made


def padded_logprobs(net: LlamaForCausalLM, samples: Sequence[Sample]) -> Tensor:
    """Log-probabilities of a right-padded batch; causal attention never looks at the padding."""
    longest = max(sample.length for sample in samples)
    ids = torch.tensor([sample.token_ids + (0,) * (longest - sample.length) for sample in samples])
    trained = torch.tensor([sample.trained + (False,) * (longest - sample.length) for sample in samples])
    predicts = trained.roll(-1, dims=1)
    logits: Tensor = net(input_ids=ids, logits_to_keep=predicts, use_cache=False).logits
    return logits.gather(-1, ids[trained][:, None])[:, 0] - logits.logsumexp(dim=-1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of laying out an update: rows that stand for all, and what part of all tokens they hold."""

    rows: list[Callable[[], Tensor]]
    share: float


def kinds(shape: Shape, *, objectives: int, with_stitched: bool) -> tuple[dict[str, Kind], float]:
    """The ways of laying out one group's update, and how many times fewer tokens packed rows hold."""
    episodes = group(shape, turns=objectives + 1)
    net = model(shape)
    policy = Policy(net)
    packed = make_batch(episodes, capacity=CAPACITY)
    turns = make_batch(episodes, capacity=CAPACITY, view="reference")
    total = sum(row.length for row in turns.rows)
    few = turns.rows[-3:]
    batch = turns.samples[-max(1, CAPACITY // turns.samples[-1].length) :]
    middle = packed.rows[len(packed.rows) // 2]
    found = {
        "turn rows": Kind([partial(_logprobs, policy, row) for row in few], _length(few) / total),
        "padded": Kind([partial(padded_logprobs, net, batch)], _length(batch) / total),
        "packed": Kind([partial(_logprobs, policy, middle)], middle.length / _length(packed.rows)),
    }
    if with_stitched:
        row = stitch(episodes[0])
        found["stitched"] = Kind([partial(stitched_logprobs, net, row, "repaired")], 1 / len(episodes))
    return found, total / _length(packed.rows)


def _logprobs(policy: Policy, row: PackedRow) -> Tensor:
    return policy.evaluate(row).logprobs


def _length(rows: Sequence[PackedRow] | Sequence[Sample]) -> int:
    return sum(row.length for row in rows)


def measure(kind: Kind) -> tuple[float, float]:
    """Seconds and CPU seconds of forward and backward, extrapolated to the whole update by tokens."""
    wall, cpu = time.perf_counter(), time.process_time()
    for evaluate in kind.rows:
        torch.autograd.backward(evaluate().mean())
    return (time.perf_counter() - wall) / kind.share, (time.process_time() - cpu) / kind.share


def run(quick: bool) -> dict[str, float | str]:
    """Seconds of an update (extrapolated where they say so) and ratios to packed rows.

    ``quick`` measures one round after the warm-up instead of three.

    The stitched row of MEM1's lengths (15,000 tokens, each attended to by each) takes minutes and is left out of it.
    """
    figures: dict[str, float | str] = {"threads": float(torch.get_num_threads())}
    for shape in SHAPES:
        long = shape is SHAPES[0]
        found, fewer = kinds(shape, objectives=16, with_stitched=not (quick and long))
        figures[f"{shape.name}: times fewer tokens"] = fewer
        best: dict[str, tuple[float, float]] = {}
        for attempt in range(2 if quick else 4):  # the first one warms up
            for name, kind in found.items():
                if name == "stitched" and attempt:
                    continue
                wall, cpu = measure(kind)
                if attempt > 1:
                    wall, cpu = min(wall, best[name][0]), min(cpu, best[name][1])
                best[name] = (wall, cpu)
        for name, (wall, _) in best.items():
            share = found[name].share
            basis = "seconds" if share >= 1 else f"seconds extrapolated from {100 * share:.2g} % of the tokens"
            figures[f"{shape.name}: {name}, {basis}"] = wall
        for name, (wall, cpu) in best.items():
            if name != "packed":
                figures[f"{shape.name}: packed against {name}"] = wall / best["packed"][0]
                figures[f"{shape.name}: packed against {name}, CPU time"] = cpu / best["packed"][1]
    return figures


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="packed rows against other ways of laying out an update")
    parser.add_argument("--quick", action="store_true", help="one round, without the longest stitched row")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    figures = run(arguments.quick)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:56} {value if isinstance(value, str) else f'{value:,.2f}'}")


if __name__ == "__main__":
    main()
