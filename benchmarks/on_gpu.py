"""What runs on a CUDA device: exactness of sampler and packed rows, a training step, throughput, memory.

Every part is measured by itself; one that fails is reported with its error and the others go on. On the command line:
``python -m benchmarks.on_gpu --json FILE --seconds 170`` begins no part after so many seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from benchmarks.packing import SHAPES, group
from mem1.inference.base import Request, Section
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.train.policy.exactness import training_view
from mem1.train.policy.optimizer import clip_gradient, make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.policy.token_scores import token_scores
from mem1.train.rows.batch import Batch, make_batch
from mem1.train.rows.packing import pack
from mem1.train.rows.samples import Sample
from mem1.types import Episode

Figures = dict[str, Any]

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"head_dim": 32},
    "gemma2": {"head_dim": 32, "layer_types": ["full_attention"] * 2, "attn_logit_softcapping": 20.0},
    "gpt_neox": {"num_key_value_heads": None},
    "mixtral": {"num_local_experts": 4, "sliding_window": None},
    "mistral": {"sliding_window": 64},
    "bloom": {"n_layer": 2, "n_head": 4, "num_key_value_heads": None},
    "mamba2": {"state_size": 16, "num_heads": 8, "head_dim": 32, "n_groups": 1, "chunk_size": 16},
}
SMALL = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.1,
    "pad_token_id": 0,
    "bos_token_id": 0,
}
# About SmolLM2-135M with a larger vocabulary.
MEDIUM = {
    "vocab_size": 65_536,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
}


def main() -> None:
    """Run the parts and print, or write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=170.0)
    arguments = parser.parse_args()
    print(json.dumps(run(quick=False, seconds=arguments.seconds, file=arguments.json), indent=1))


def run(quick: bool, *, seconds: float = 600.0, file: Path | None = None) -> Figures:
    """All figures by part; ``quick`` leaves out throughput. ``file`` gets what there is after each part."""
    if not torch.cuda.is_available():
        return {"cuda": "there is no device here"}
    parts: dict[str, Callable[[], Figures]] = {
        **{f"exact {kind}": (lambda kind=kind: exactness(kind)) for kind in FAMILIES},  # type: ignore[misc]
        "memory of the loss": loss_memory,
        "memory of the head": head_memory,
    }
    if not quick:
        parts |= {"demo step": demo_step, "packing": packing, "warm start": warm_start, "sampling": sampling}
    began = time.perf_counter()
    figures: Figures = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    for name, part in parts.items():
        started = time.perf_counter()
        if started - began > seconds:
            figures[name] = {"left out": "no time"}
            continue
        try:
            figures[name] = part()
        except Exception as error:
            figures[name] = {
                "failed": f"{type(error).__name__}: {error}"[:600],
                "where": traceback.format_exc()[-1500:],
            }
        figures[name]["seconds"] = round(time.perf_counter() - started, 1)
        torch.cuda.empty_cache()
        if file is not None:
            file.write_text(json.dumps(figures, indent=1))
    return figures


# ---------------------------------------------------------------- exactness


def made(kind: str, sizes: dict[str, Any], **more: Any) -> PreTrainedModel:
    """A model with random weights, float32, on the device."""
    torch.manual_seed(0)
    settings = {
        key: value
        for key, value in ({"vocab_size": ByteTokenizer().vocabulary_size} | sizes | more).items()
        if value is not None
    }
    if more.get("sliding_window", 0) is None:
        settings["sliding_window"] = None
    model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        AutoConfig.for_model(kind, **settings), dtype=torch.float32
    )
    model.train(False)
    torch.nn.Module.to(model, "cuda" if torch.cuda.is_available() else "cpu")
    return model


def exactness(kind: str) -> Figures:
    """Sampler, reference rows and packed rows of one family: largest differences in nats, relative gradient error."""
    model = made(kind, SMALL, **FAMILIES[kind])
    episodes = written(model)
    view = training_view(model, length=2048)
    reference = make_batch(episodes, capacity=1, view="reference")
    ours = make_batch(episodes, capacity=2048, view=view)
    found: Figures = {"view": view, "rows": f"{len(reference.rows)} -> {len(ours.rows)}"}
    truth: Tensor | None = None
    for name, autocast in (("float32", False), ("bfloat16", True)):
        policy = Policy(model, autocast=autocast)
        plain, plain_gradient = measured(policy, reference)
        packed, packed_gradient = measured(policy, ours)
        truth = plain_gradient if truth is None else truth  # bfloat16 is held against float32's gradient
        found[name] = {
            "sampler": largest(plain, reference.rollout_logprobs),
            "packed": largest(packed, plain),
            "packed, mean": (packed - plain).abs().mean().item(),
            "gradient of reference rows": relative(plain_gradient, truth),
            "gradient of packed rows": relative(packed_gradient, truth),
        }
    return found


def written(model: PreTrainedModel) -> list[Episode]:
    """Episodes whose tokens ``model`` sampled: prompts of 300 tokens, four turns, closings of one and of nine ids."""
    engine = TransformersEngine(model, ByteTokenizer(), slots=8, max_context=1024, prefill_tokens=256)
    rng = random.Random(0)
    prompts = [tuple(rng.randrange(20, 260) for _ in range(300)) for _ in range(2)]
    shape = group(SHAPES[1], turns=4)[0]

    async def one(index: int) -> Episode:
        prompt, carried, turns = prompts[index % 2], tuple[int, ...](), []
        for number in range(4):
            sections = (
                Section("state", ("z",), (), 40, tuple(range(30, 39)) if number % 2 else (1,)),
                Section("action", (), ("zz",), 20, (3,)),
            )
            context = (*prompt, *carried)
            done = await engine.generate(Request(context, sections, f"s{index}", seed=number))
            turns.append(
                shape.turns[0].model_copy(
                    update={
                        "index": number,
                        "prompt_token_ids": context,
                        "prefix_length": len(prompt),
                        "completion_token_ids": done.token_ids,
                        "logprobs": done.logprobs,
                        "sampled_mask": done.sampled,
                        "state_length": done.section_ends[0],
                    }
                )
            )
            carried = (*done.token_ids, *range(40, 70))
        return shape.model_copy(update={"id": str(index), "group_id": f"g{index % 2}", "turns": tuple(turns)})

    async def everything() -> list[Episode]:
        found = await asyncio.gather(*(one(index) for index in range(6)))
        await engine.close()
        return list(found)

    return asyncio.run(everything())


def measured(policy: Policy, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probabilities in flat layout, and the gradient of a sum of them in which no two tokens count alike."""
    order = torch.argsort(torch.cat([row.flat for row in batch.rows]))
    values = torch.cat([policy.evaluate(row).logprobs.cpu() for row in batch.rows])[order]
    weights = torch.linspace(-1, 2, len(values))
    # Once only: a compiled kernel gives its buffers away in the backward pass.
    grads = torch.autograd.grad((weights * values).sum(), list(policy.parameters()), allow_unused=True)
    return values.detach(), torch.cat([grad.flatten() for grad in grads if grad is not None])


def largest(left: Tensor, right: Tensor) -> float:
    """Largest absolute difference."""
    return (left.detach() - right.detach()).abs().max().item()


def relative(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm expected."""
    return float((found - expected).norm() / expected.norm())


# ---------------------------------------------------------------- memory and throughput


def loss_memory() -> Figures:
    """Peak beyond the logits, forward and backward of log-probabilities with a shown entropy, at Qwen's vocabulary."""
    found: Figures = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        logits = torch.randn(4096, 151_936, device="cuda", dtype=dtype).requires_grad_()
        target = torch.randint(151_936, (4096,), device="cuda")
        for label, scores in (("plain", plain_scores), ("in pieces", pieced_scores)):
            logits.grad = None
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            torch.autograd.backward(scores(logits, target).sum())
            torch.cuda.synchronize()
            found[f"{name}, {label}, GiB"] = round((torch.cuda.max_memory_allocated() - before) / 2**30, 2)
        found[f"{name}, logits, GiB"] = round(logits.nbytes / 2**30, 2)
        del logits
    return found


def plain_scores(logits: Tensor, target: Tensor) -> Tensor:
    """As it stands in books, with an entropy in the graph."""
    logs = logits.float()
    total = logs.logsumexp(dim=-1)
    entropy = total - (logs.softmax(dim=-1) * logs).sum(dim=-1)
    return logs.gather(-1, target[:, None])[:, 0] - total + 0.0 * entropy


def pieced_scores(logits: Tensor, target: Tensor) -> Tensor:
    """As this package does it."""
    return token_scores(logits, target, entropy=True)[0]


def head_memory(tokens: int = 8192, chunk: int = 1024, **sizes: int) -> Figures:
    """One row forward and backward with logits whole and in chunks: peak beyond weights and gradients, seconds, gaps.

    A Llama of two layers with Qwen's vocabulary, of which every token of the row is trained.
    """
    model = made("llama", MEDIUM | {"vocab_size": 151_936, "hidden_size": 1024, "num_hidden_layers": 2} | sizes)
    device = model.device
    ids = torch.randint(model.config.vocab_size, (tokens,), generator=torch.Generator().manual_seed(0)).tolist()
    sample = Sample(0, "g", tuple(ids), 1, (False,) + (True,) * (tokens - 1), tuple(range(tokens - 1)))
    (row,) = pack([sample], capacity=tokens)
    found: Figures = {"tokens": tokens, "chunk": chunk, "vocabulary": model.config.vocab_size}
    for name, autocast in (("float32", False), ("bfloat16", True)):
        policy = Policy(model, autocast=autocast)
        seen: list[tuple[Tensor, Tensor]] = []
        for label, size in (("whole", 0), ("in chunks", chunk)):
            policy.chunk_logits(size)
            for _ in range(2):  # the first one loads kernels, and makes the gradients' tensors
                model.zero_grad(set_to_none=False)
                reset_peak(device)
                before, began = allocated(device), time.perf_counter()
                out = policy.evaluate(row, need_entropy=True)
                torch.autograd.backward(out.logprobs.sum())
                peak, spent = reset_peak(device), time.perf_counter() - began
            found[f"{name}, {label}, GiB"] = round((peak - before) / 2**30, 3)
            found[f"{name}, {label}, seconds"] = round(spent, 3)
            grad = torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])
            seen.append((out.logprobs.detach(), grad))
            del out
        (plain, expected), (chunked, gradient) = seen
        found[f"{name}, largest difference"] = largest(chunked, plain)
        found[f"{name}, gradient"] = relative(gradient, expected)
        del seen, plain, expected, chunked, gradient, grad
        model.zero_grad(set_to_none=True)
    return found


def allocated(device: torch.device) -> int:
    """Bytes of tensors on a CUDA device; nothing is known of a CPU's."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def reset_peak(device: torch.device) -> int:
    """Wait for the device; the most bytes that were allocated since the last call."""
    if device.type != "cuda":
        return 0
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return peak


def demo_step() -> Figures:
    """One step of the demonstration's recipe on the device: rollout, update."""
    from mem1 import commands

    with tempfile.TemporaryDirectory() as folder:
        changes = ["train.steps=1", "train.evaluate_every=0", "watch_tasks=0", 'engine.device="cuda"']
        run_dir = Path(folder) / "run"
        commands.train(Path("recipes/sequential.toml"), changes, run=run_dir, resume=False)
        lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    wanted = ("rollout_gap", "rollout_gap_max", "reward/mean", "seconds/", "speed/", "count/failed")
    return {key: value for line in lines for key, value in line.items() if any(part in key for part in wanted)}


def packing() -> Figures:
    """Seconds of one update in bfloat16, packed and one context a row, and how many tokens packing saves."""
    model = made("llama", MEDIUM)
    episodes = group(SHAPES[0], turns=9)
    found: Figures = {"weights": sum(weight.numel() for weight in model.parameters())}
    policy = Policy(model, autocast=True)
    spent: dict[str, float] = {}
    for view in ("packed", "reference"):
        batch = make_batch(episodes, capacity=16_384, view=view)
        rows = batch.rows if view == "packed" else batch.rows[:16]
        share = sum(row.length for row in rows) / sum(row.length for row in batch.rows)
        for turn in range(2):  # the first compiles
            torch.cuda.synchronize()
            began = time.perf_counter()
            for row in rows:
                torch.autograd.backward(policy.evaluate(row).logprobs.sum())
            torch.cuda.synchronize()
            spent[view] = time.perf_counter() - began
            found[f"{view}, {'compiling' if turn == 0 else 'seconds'}"] = round(spent[view] / share, 3)
        found[f"{view}, tokens"] = sum(row.length for row in batch.rows)
        found[f"{view}, trained tokens a second"] = round(batch.size * share / spent[view])
        spent[view] /= share
        model.zero_grad()
    found["packed against one context a row"] = round(spent["reference"] / spent["packed"], 2)
    found["peak GiB"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    return found


def warm_start() -> Figures:
    """Supervised steps of a 150-million model in bfloat16 over float32 weights: trained tokens a second."""
    model = made("llama", MEDIUM)
    policy = Policy(model, autocast=True)
    optimizer = make_optimizer(list(model.parameters()), [], _optimizer_config(), critic_lr=0.0)
    batch = make_batch(group(SHAPES[0], turns=5), capacity=16_384)
    losses: list[float] = []
    began = time.perf_counter()
    for step in range(5):
        if step == 2:
            torch.cuda.synchronize()
            began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for row in batch.rows:
            loss = -policy.evaluate(row).logprobs.sum() / batch.size
            torch.autograd.backward(loss)
            total += loss.item()
        clip_gradient(policy.parameters(), 1.0)
        optimizer.step()
        losses.append(round(total, 3))
    torch.cuda.synchronize()
    spent = (time.perf_counter() - began) / 3
    return {
        "trained tokens a second": round(batch.size / spent),
        "row tokens a second": round(sum(row.length for row in batch.rows) / spent),
        "loss by step": losses,
    }


def _optimizer_config() -> Any:
    from mem1.train.config import OptimizerConfig

    return OptimizerConfig(lr=1e-4)


def sampling() -> Figures:
    """Tokens a second of the engine, 64 requests at a time, in bfloat16."""
    model = made("llama", MEDIUM)
    torch.nn.Module.to(model, torch.bfloat16)
    engine = TransformersEngine(model, CharTokenizer(), slots=64, max_context=2048)
    sections = (Section("state", (), (), 128),)

    async def everything(turn: int) -> int:
        prompts = [tuple(20 + (k * 7 + i) % 200 for k in range(500)) for i in range(64)]
        done = await asyncio.gather(
            *(engine.generate(Request(prompt, sections, f"{turn}-{i}", seed=i)) for i, prompt in enumerate(prompts))
        )
        return sum(len(one.token_ids) for one in done)

    asyncio.run(everything(0))
    torch.cuda.synchronize()
    began = time.perf_counter()
    tokens = asyncio.run(everything(1))
    torch.cuda.synchronize()
    return {"written tokens a second": round(tokens / (time.perf_counter() - began))}


if __name__ == "__main__":
    main()
