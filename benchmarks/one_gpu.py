"""Training on one CUDA device, part by part: what each setting of the trainer costs and saves there.

    python -m benchmarks.one_gpu --json FILE --seconds 90 [--device cpu --small]

FlexAttention's packed rows against plain rows, bfloat16 over float32 weights, gradient checkpointing, rows by tokens,
low-rank adapters, and steps of reinforcement learning with sampler and trainer on one card: sharing weights, with a
copy in bfloat16, and one rollout ahead. Every part has a time limit of its own; one that fails or runs over is reported
and the others go on. ``--small`` is for a CPU, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from benchmarks.on_gpu import MEDIUM, SMALL, Figures, relative
from benchmarks.packing import SHAPES, VOCABULARY, group
from mem1.train.config import LoraConfig, OptimizerConfig
from mem1.train.policy.adapters import add_adapter
from mem1.train.policy.optimizer import clip_gradient, make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import Batch, View, make_batch

STEP = ("rollout_gap", "reward/mean", "seconds/", "speed/", "staleness", "importance", "count/failed", "grad_norm")


@dataclass(slots=True)
class Bench:
    """Where it runs, how large, and for how long each part may."""

    device: str
    small: bool
    limit: int = 30

    def model(self) -> PreTrainedModel:
        """A Llama of 150 million weights, random, in float32."""
        torch.manual_seed(0)
        sizes: dict[str, Any] = {"vocab_size": VOCABULARY, **SMALL} if self.small else MEDIUM
        made: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            AutoConfig.for_model("llama", **sizes), dtype=torch.float32
        )
        made.train(False)
        torch.nn.Module.to(made, self.device)
        return made

    def batch(self, capacity: int, *, view: View = "packed", turns: int = 2) -> Batch:
        """Eight episodes of the paper's lengths as rows: 700 tokens of prompt, 280 written and 600 shown a turn.

        Two turns fill one row of 12,288 tokens, so that one kernel is compiled.
        """
        return make_batch(group(SHAPES[1] if self.small else SHAPES[0], turns=turns), capacity=capacity, view=view)

    def sync(self) -> None:
        """Wait for the device."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def peak(self) -> float:
        """GiB that were taken at most since ``fresh``."""
        return round(torch.cuda.max_memory_allocated() / 2**30, 2) if self.device == "cuda" else 0.0

    def fresh(self) -> None:
        """Begin to count memory anew."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


# ---------------------------------------------------------------- one update


def update(bench: Bench, policy: Policy, batch: Batch, *, rounds: int = 2) -> tuple[Figures, Tensor]:
    """Forward and backward of every row: seconds of the last round (the first compiles), peak memory, the gradient."""
    weights = torch.linspace(-1, 2, batch.size)  # so that no two tokens count alike
    found: Figures = {}
    for number in range(rounds):
        policy.zero_grad(set_to_none=True)
        bench.fresh()
        began = time.perf_counter()
        for row in batch.rows:
            logprobs = policy.evaluate(row).logprobs
            torch.autograd.backward((weights[row.flat].to(logprobs.device) * logprobs).sum() / batch.size)
        bench.sync()
        found["seconds" if number == rounds - 1 else "compiling"] = round(time.perf_counter() - began, 3)
    tokens = sum(row.length for row in batch.rows)
    found |= {
        "rows": len(batch.rows),
        "row tokens": tokens,
        "row tokens a second": round(tokens / found["seconds"]),
        "trained tokens a second": round(batch.size / found["seconds"]),
        "peak GiB": bench.peak(),
    }
    grads = [one.grad.flatten().cpu() for one in policy.parameters() if one.grad is not None]
    return found, torch.cat(grads)


def precision(bench: Bench) -> Figures:
    """Packed rows in float32 and in bfloat16 over float32 weights, and how far the gradients are apart."""
    model, batch = bench.model(), bench.batch(16_384)
    found: Figures = {"weights": sum(one.numel() for one in model.parameters())}
    truth: Tensor | None = None
    for name, autocast in (("float32", False), ("bfloat16", True)):
        found[name], gradient = update(bench, Policy(model, autocast=autocast), batch)
        truth = gradient if truth is None else truth
        found[name]["gradient against float32"] = relative(gradient, truth)
    found["weights stay"] = str({str(one.dtype) for one in model.parameters()})
    return found


def flex(bench: Bench) -> Figures:
    """FlexAttention's packed rows against one context a row, both in bfloat16: the same gradient, other seconds."""
    model = bench.model()
    policy = Policy(model, autocast=True)
    packed, one = update(bench, policy, bench.batch(16_384))
    plain, other = update(bench, policy, bench.batch(1, view="reference"))
    return {
        "packed": packed,
        "one context a row": plain,
        "gradients apart": relative(one, other),
        "packed is faster by": round(plain["seconds"] / packed["seconds"], 2),
    }


def checkpointing(bench: Bench) -> Figures:
    """Activations kept and computed again, bfloat16, one row of 12,288 tokens."""
    policy, batch = Policy(bench.model(), autocast=True), bench.batch(16_384)
    kept, truth = update(bench, policy, batch)
    policy.checkpointing = True
    again, gradient = update(bench, policy, batch)
    return {
        "kept": kept,
        "computed again": again,
        "gradients apart": relative(gradient, truth),
        "seconds, ratio": round(again["seconds"] / kept["seconds"], 2),
        "GiB saved": round(kept["peak GiB"] - again["peak GiB"], 2),
    }


def rows_by_tokens(bench: Bench) -> Figures:
    """The same update in rows of more and fewer tokens: memory, seconds, one gradient."""
    policy = Policy(bench.model(), autocast=True)
    found: Figures = {}
    truth: Tensor | None = None
    for capacity in (512, 1024) if bench.small else (16_384, 4096, 2048):
        found[str(capacity)], gradient = update(bench, policy, bench.batch(capacity))
        truth = gradient if truth is None else truth
        found[str(capacity)]["gradient against the first"] = relative(gradient, truth)
    return found


def lora(bench: Bench) -> Figures:
    """Optimizer steps with an adapter of rank 16 on every linear layer, and with whole weights."""
    found: Figures = {}
    for name in ("whole weights", "adapter"):
        bench.fresh()
        model = bench.model()
        if name == "adapter":
            add_adapter(model, LoraConfig(r=16, alpha=32), base="random", seed=0)
        policy, batch = Policy(model, autocast=True), bench.batch(16_384)
        trained = [one for one in model.parameters() if one.requires_grad]
        optimizer = make_optimizer(trained, [], OptimizerConfig(lr=1e-3), critic_lr=0.0)
        losses: list[float] = []
        for step in range(4):
            if step == 2:  # the first compiles, the second may
                bench.sync()
                began = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            total = torch.zeros((), device=bench.device)
            for row in batch.rows:
                loss = -policy.evaluate(row).logprobs.sum() / batch.size
                torch.autograd.backward(loss)
                total += loss.detach()
            clip_gradient(iter(trained), 1.0)
            optimizer.step()
            losses.append(round(total.item(), 3))
        bench.sync()
        spent = (time.perf_counter() - began) / 2
        found[name] = {
            "trained weights": sum(one.numel() for one in trained),
            "seconds": round(spent, 3),
            "row tokens a second": round(sum(row.length for row in batch.rows) / spent),
            "peak GiB": bench.peak(),
            "loss by step": losses,
        }
        del model, policy, optimizer, trained
    return found


# ---------------------------------------------------------------- steps of reinforcement learning


def learning(bench: Bench, *more: str) -> Figures:
    """Two steps of ``recipes/parallel.toml``: rollout gap, seconds and memory of the second."""
    from mem1 import commands

    size = ["train.tasks_per_step=2", "train.group_size=2"] if bench.small else ["engine.slots=128"]
    changes = [
        "train.steps=2",
        "train.checkpoint_every=2",
        "train.evaluate_every=0",
        "watch_tasks=0",
        f'engine.device="{bench.device}"',
        *size,
        *more,
    ]
    bench.fresh()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        commands.train(Path("recipes/parallel.toml"), changes, run=run, resume=False)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found: Figures = {"peak GiB": bench.peak(), "compiling, seconds": lines[0].get("seconds/step")}
    for line in lines[1:]:
        found |= {key: value for key, value in line.items() if any(part in key for part in STEP)}
    return found


PARTS: dict[str, Callable[[Bench], Figures]] = {
    "learning, bfloat16 trainer": learning,
    "learning, adapter": lambda bench: learning(bench, "lora.r=16", "lora.alpha=32", 'lora.targets="all-linear"'),
    "precision": precision,
    "checkpointing": checkpointing,
    "flex": flex,
    "adapter": lora,
    "learning, one rollout ahead": lambda bench: learning(bench, "train.staleness=1"),
    "learning, sampler's copy in bfloat16": lambda bench: learning(bench, 'engine.dtype="bfloat16"'),
    "rows by tokens": rows_by_tokens,
    "learning, float32": lambda bench: learning(bench, 'train.autocast="none"'),
    "learning, checkpointing": lambda bench: learning(bench, "train.checkpointing=true"),
}


# ---------------------------------------------------------------- running them


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise ``TimeoutError`` in what is still running after ``seconds``."""

    def over(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(quick: bool) -> Figures:
    """All figures by part, smaller with ``quick``."""
    if not torch.cuda.is_available():
        return {"cuda": "there is no device here"}
    return by_part(Bench("cuda", quick, limit=120), seconds=900.0)


def by_part(bench: Bench, *, seconds: float, only: str = "", file: Path | None = None) -> Figures:
    """All figures by part; ``file`` gets what there is after each. No part begins after ``seconds``."""
    began = time.perf_counter()
    name = torch.cuda.get_device_name() if bench.device == "cuda" else "cpu"
    figures: Figures = {"device": name, "torch": torch.__version__}
    for part, measure in PARTS.items():
        if only not in part:
            continue
        started = time.perf_counter()
        if started - began > seconds:
            figures[part] = {"left out": "no time"}
            continue
        try:
            with limited(max(1, min(bench.limit, int(began + seconds + bench.limit - started)))):
                figures[part] = measure(bench)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:600]
            figures[part] = {"failed": text, "where": traceback.format_exc()[-1500:]}
        figures[part]["part, seconds"] = round(time.perf_counter() - started, 1)
        if file is not None:
            file.write_text(json.dumps(figures, indent=1))
    return figures


def main() -> None:
    """Run the parts and print, or write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--limit", type=int, default=30, help="seconds a part may take")
    parser.add_argument("--only", default="", help="parts whose name holds this")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    bench = Bench(arguments.device, arguments.small, arguments.limit)
    print(json.dumps(by_part(bench, seconds=arguments.seconds, only=arguments.only, file=arguments.json), indent=1))


if __name__ == "__main__":
    main()
