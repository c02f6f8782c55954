"""Does a run fit, and how long does it take? Arithmetic only: no torch, nothing is measured here.

    shape = model_shape(folder)                              # from config.json and the heads of safetensors files
    sizing = estimate(shape, Plan(...), H100)
    sizing.memory, sizing.fits, sizing.seconds_per_step, sizing.hours(steps=200)

Bytes are exact where weights, optimizer, cache and logits are concerned. Activations are an estimate from the layers'
widths, and seconds assume that a device reaches the stated part of its peak, which small models do not: they wait for
kernels to start. docs/scaling.md holds the estimates against what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mem1.errors import ModelError, boundary
from mem1.reading.objects import read_object

_FLOAT32 = 4
_MOMENTS = 2  # AdamW
_WIDTHS_KEPT = (
    14  # activations of a layer that backward needs, in multiples of the hidden size, beside the feed-forward's
)
_FEED_FORWARD_KEPT = 4  # the same of the feed-forward's own width
_TOKEN_SCORES = 16 << 20  # bytes of logarithms at a time (``policy/token_scores.py``)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a model memory and time depend on. ``parameters``: tied ones count once."""

    parameters: int
    layers: int
    hidden: int
    feed_forward: int
    kv_heads: int
    head_size: int
    vocabulary: int

    def cache_bytes(self, value_bytes: int) -> int:
        """Of one token in the engine's cache: keys and values of all layers."""
        return 2 * self.layers * self.kv_heads * self.head_size * value_bytes


@dataclass(frozen=True, slots=True)
class Machine:
    """One device and how many of them. Rates are what is reached in practice, not peaks.

    ``memory``: bytes a device. ``flops``: a second and device, in training's precision. ``bandwidth``: bytes a second
    and device, of reading weights and cache. ``price``: of a device for an hour, in whatever currency; ``None``: free.
    """

    name: str
    memory: int
    flops: float
    bandwidth: float
    devices: int = 1
    price: float | None = None


H100 = Machine("H100", memory=80 * 10**9, flops=0.35 * 989e12, bandwidth=0.6 * 3.35e12)
"""80 GB; 35 % of the peak in bfloat16 (what well-fed trainers report), 60 % of the peak bandwidth."""
CPU_CORE = Machine("CPU core", memory=16 * 10**9, flops=70e9, bandwidth=5e9)
"""One core with AVX-512 in float32: what ``mem1 bench packing`` reaches here."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a step does, in tokens.

    ``prompt`` is P; ``carried`` what is in a context behind it when a turn begins (page, action, observation);
    ``written`` what a turn writes (page and action). ``packing``: tokens as rows of their own / tokens packed, from
    ``mem1 bench packing``. ``row``: tokens of the longest row (``train.rows.capacity``). ``slots``: completions at the
    same time over all devices. ``trained``: parameters that are trained, ``None`` for all (those of a low-rank adapter
    else), beside weights of ``frozen_bytes``. ``sampler_bytes``: of a weight in the sampler's own copy, 0 where it
    shares the trainer's; ``value_bytes``: of a number in its cache. ``half``: forward and backward in bfloat16.
    ``checkpointing``: activations are computed again. ``logit_chunk``: tokens whose logits exist at a time
    (``train.logit_chunk``), 0 for a row's. ``reference``: a KL term is taken against a frozen copy. ``critic``: a
    separate one is trained. ``epochs``: how often a rollout is trained on; more than one needs a forward pass more.
    """

    episodes: int
    turns: float
    prompt: int
    carried: int
    written: int
    packing: float = 1.0
    row: int = 4096
    slots: int = 64
    trained: int | None = None
    frozen_bytes: int = 4
    sampler_bytes: int = 0
    value_bytes: int = 4
    half: bool = False
    checkpointing: bool = False
    logit_chunk: int = 0
    reference: bool = False
    critic: bool = False
    epochs: int = 1

    @property
    def context(self) -> int:
        """Tokens of the longest context."""
        return self.prompt + self.carried + self.written

    @property
    def row_tokens(self) -> float:
        """Tokens that one pass over a rollout computes."""
        return self.episodes * self.turns * self.context / self.packing


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on each device; weights, gradients and moments are spread over all of them."""

    weights: int
    gradients: int
    moments: int
    reference: int
    critic: int
    sampler: int
    cache: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All of it at the same time; where the sampler sleeps while weights are trained it is less."""
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Sizing:
    """What comes of it. Seconds are those of one step."""

    memory: Memory
    machine: Machine
    rollout_seconds: float
    update_seconds: float

    @property
    def fits(self) -> bool:
        """Whether nine tenths of the memory suffice: the rest is the runtime's and lost between blocks."""
        return self.memory.total <= 0.9 * self.machine.memory

    @property
    def seconds_per_step(self) -> float:
        """Rollout and update one after the other."""
        return self.rollout_seconds + self.update_seconds

    def hours(self, steps: int) -> float:
        """Of so many steps, evaluations not counted."""
        return steps * self.seconds_per_step / 3600

    def money(self, steps: int) -> float | None:
        """In the currency of ``Machine.price``; ``None`` without one."""
        price = self.machine.price
        return None if price is None else self.hours(steps) * self.machine.devices * price


def estimate(shape: ModelShape, plan: Plan, machine: Machine) -> Sizing:
    """Memory and time of training ``shape`` as ``plan`` says."""
    return Sizing(memory_of(shape, plan, machine), machine, *seconds_of(shape, plan, machine))


def memory_of(shape: ModelShape, plan: Plan, machine: Machine) -> Memory:
    """Bytes on each device."""
    parameters, trained = shape.parameters, shape.parameters if plan.trained is None else plan.trained
    adapter = 0 if plan.trained is None else plan.trained

    def spread(count: float) -> int:
        return math.ceil(count / machine.devices)

    number = 2 if plan.half else _FLOAT32
    width = _WIDTHS_KEPT * shape.hidden + _FEED_FORWARD_KEPT * shape.feed_forward
    whole_layers = 1 if plan.checkpointing else shape.layers
    kept = whole_layers * width + (shape.layers * shape.hidden if plan.checkpointing else 0)
    sampled = min(plan.row, math.ceil(plan.row * plan.written / plan.context * plan.packing))
    at_once = min(sampled, plan.logit_chunk or sampled)
    # Chunk after chunk adds to the gradient of a head that is trained: their sum, beside what is gathered over rows.
    head = _FLOAT32 * shape.vocabulary * shape.hidden if at_once < sampled and plan.trained is None else 0
    return Memory(
        weights=spread((_FLOAT32 if plan.trained is None else plan.frozen_bytes) * parameters + _FLOAT32 * adapter),
        gradients=spread(_FLOAT32 * trained),
        moments=spread(_FLOAT32 * _MOMENTS * trained),
        # An adapted model is its own reference: the adapter is switched off.
        reference=spread(_FLOAT32 * parameters) if plan.reference and plan.trained is None else 0,
        critic=spread(_FLOAT32 * (2 + _MOMENTS) * parameters) if plan.critic else 0,
        sampler=spread(plan.sampler_bytes * parameters),
        cache=spread(plan.slots * plan.context * shape.cache_bytes(plan.value_bytes)),
        activations=plan.row * kept * number,
        # One copy, and its gradient; the logarithms of a few tokens at a time.
        logits=2 * at_once * shape.vocabulary * number + 2 * _TOKEN_SCORES + head,
    )


def seconds_of(shape: ModelShape, plan: Plan, machine: Machine) -> tuple[float, float]:
    """Seconds of a step's rollout and of its update.

    A token costs 2 operations a parameter forward and 4 backward, and attention 4 · layers · hidden a key forward. Of
    a context the prompt's part comes from the cache. Decoding waits for weights and cache to be read, once for all
    completions that are in flight. Logits in chunks cost the head once more for what was written.
    """
    forward = 2.0 * shape.parameters + 4.0 * shape.layers * shape.hidden * plan.context / 2
    turns = plan.episodes * plan.turns
    read = turns * plan.carried * forward / (machine.flops * machine.devices)
    in_flight = min(plan.slots, plan.episodes)
    weights = shape.parameters * (plan.sampler_bytes or _FLOAT32)
    # Every device holds a whole sampler and serves its part of the completions.
    cache = in_flight / machine.devices * plan.context * shape.cache_bytes(plan.value_bytes)
    once = max((weights + cache) / machine.bandwidth, in_flight / machine.devices * forward / machine.flops)
    rollout = read + turns * plan.written / in_flight * once
    # Backward is one pass for what is written and one for the weights, which an adapter's base needs none of.
    once_back = (3 if plan.trained is None else 2) + plan.checkpointing
    passes = plan.epochs * once_back + (plan.epochs > 1) + plan.reference
    if plan.critic:
        passes += 3 * plan.epochs + 1
    again = 2.0 * shape.vocabulary * shape.hidden * turns * plan.written * plan.epochs if plan.logit_chunk else 0.0
    return rollout, (passes * forward * plan.row_tokens + again) / (machine.flops * machine.devices)


def model_shape(folder: Path) -> ModelShape:
    """The shape of the Hugging Face model in ``folder``, from ``config.json`` and the heads of its safetensors files.

    Raises ``ModelError`` where one is missing or damaged, ``StorageError`` where it cannot be read.
    """
    config = read_object(folder / "config.json", ModelError, hint="fetch the file again")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError("no weights as safetensors", where=str(folder), hint="give the folder of a saved model")
    with boundary("cannot read the heads of the weights", ModelError, hint=f"fetch the files of {folder} again"):
        sizes = {name: size for file in files for name, size in _sizes(file)}
    return shape_of(config, sum(sizes.values()))


def shape_of(config: Mapping[str, Any], parameters: int) -> ModelShape:
    """The shape that a ``config.json`` states. Raises ``ModelError`` where it does not state one of its numbers."""
    inner = config.get("text_config")
    text = inner if isinstance(inner, Mapping) else config
    heads, hidden = _number(text, "num_attention_heads", "n_head"), _number(text, "hidden_size", "n_embd")
    return ModelShape(
        parameters=parameters,
        layers=_number(text, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        feed_forward=_number(text, "intermediate_size", "n_inner", fallback=4 * hidden),
        kv_heads=_number(text, "num_key_value_heads", fallback=heads),
        head_size=_number(text, "head_dim", fallback=hidden // heads),
        vocabulary=_number(text, "vocab_size"),
    )


def _sizes(file: Path) -> Iterator[tuple[str, int]]:
    """The number of values of each tensor in a safetensors file; the values themselves are not read."""
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as stream:
        for name in stream.keys():  # noqa: SIM118 - it is no mapping
            yield name, math.prod(stream.get_slice(name).get_shape())


def _number(config: Mapping[str, Any], *names: str, fallback: int | None = None) -> int:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    if fallback is not None:
        return fallback
    raise ModelError(f"the model's configuration does not state {names[0]}", hint="give its parameters by hand")
