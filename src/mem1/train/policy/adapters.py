"""Low-rank adapters in training: added to a model in place, so that trainer and sampler see the same weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mem1.errors import CheckpointError, ConfigError
from mem1.inference.folders import ADAPTER_CONFIG
from mem1.inference.hf.adapter import BASE, WEIGHTS, base_note, fingerprint_of, import_peft
from mem1.storage.atomic import read_json, write_json
from mem1.train.config import LoraConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PREFIX = "base_model.model."  # peft names weights as those of a model wrapped in its own classes
_ATTRIBUTE = "mem1_adapter_base"  # on an adapted model: what ``base.json`` says


def add_adapter(model: PreTrainedModel, config: LoraConfig, *, base: str, seed: int) -> None:
    """Freeze ``model`` and add an adapter to it in place; it writes the same as before until it is trained.

    Args:
        model: A model without an adapter.
        config: Rank, scale, layers.
        base: How the model is named in a recipe; an adapter on disk refers to it.
        seed: Of the adapter's random half (A; B is zero).

    Raises:
        ConfigError: ``targets`` names no layer of the model.
        ModelError: peft is not installed.
    """
    peft = import_peft()
    known = {"spec": base, "fingerprint": fingerprint_of(model)}
    linear = sorted({name.rsplit(".", 1)[-1] for name, part in model.named_modules() if isinstance(part, nn.Linear)})
    lora = peft.LoraConfig(
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=config.targets if isinstance(config.targets, str) else list(config.targets),
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
    )
    unknown = sorted(set(config.targets) - set(linear)) if not isinstance(config.targets, str) else []
    if unknown:
        raise ConfigError(
            f"{type(model).__name__} has no linear layer called {', '.join(unknown)}",
            where="lora.targets",
            hint=f"choose among {', '.join(linear)}",
        )
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(lora, model)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # of a model in half precision too: small steps must not be lost
    model.train(False)
    setattr(model, _ATTRIBUTE, known)


def is_adapted(model: nn.Module) -> bool:
    """Whether ``add_adapter`` was called on ``model``."""
    return hasattr(model, _ATTRIBUTE)


def save_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Write the adapter into ``folder`` in peft's format, with ``base.json`` to recognise the base model by."""
    peft = import_peft()
    folder.mkdir(parents=True, exist_ok=True)
    # Whether embeddings belong to it peft would find out by asking a hub for the base model; ours never do.
    weights = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    save_file(
        {_PREFIX + name: value.contiguous() for name, value in weights.items()},
        str(folder / WEIGHTS),
        metadata={"format": "pt"},
    )
    config: Any = model.peft_config["default"]
    config.save_pretrained(str(folder))
    saved = read_json(folder / ADAPTER_CONFIG)
    if isinstance(saved.get("target_modules"), list):
        saved["target_modules"] = sorted(saved["target_modules"])  # peft keeps a set, whose order is the process's
        write_json(folder / ADAPTER_CONFIG, saved)
    write_json(folder / BASE, getattr(model, _ATTRIBUTE))


def load_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Put the weights of the adapter in ``folder`` into the adapter of ``model``.

    Raises:
        CheckpointError: ``folder`` holds none, or one of another shape.
        ModelError: It was trained on another base model.
    """
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            "the checkpoint holds a whole model, the run trains an adapter",
            where=str(folder),
            hint="resume with the recipe that began the run",
        )
    known = base_note(folder) if (folder / BASE).is_file() else None
    if known is not None and known["fingerprint"] != getattr(model, _ATTRIBUTE)["fingerprint"]:
        raise CheckpointError(
            f"the adapter was trained on other weights than those of {known['spec']} now",
            where=str(folder),
            hint="put the base model back that it was trained on",
        )
    own = {name: value for name, value in model.named_parameters() if value.requires_grad}
    stored = {
        name.removeprefix(_PREFIX).removesuffix(".weight") + ".default.weight": value
        for name, value in load_file(str(folder / WEIGHTS)).items()
    }
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    if shapes != {name: tuple(value.shape) for name, value in stored.items()}:
        raise CheckpointError(
            "the adapter has another rank or other targets than the recipe's",
            where=str(folder),
            hint="resume with the recipe that began the run",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(stored[name])


@contextmanager
def adapter_off(model: nn.Module) -> Iterator[None]:
    """Within the block ``model`` is its base. Not for use while gradients are being computed."""
    layers = _layers(model)
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


@contextmanager
def adapter_dropout(model: nn.Module) -> Iterator[None]:
    """Within the block the adapter's dropout is on; without an adapter nothing changes."""
    parts = [layer.lora_dropout for layer in _layers(model)] if is_adapted(model) else []
    for part in parts:
        part.train(True)
    try:
        yield
    finally:
        for part in parts:
            part.train(False)


def _layers(model: nn.Module) -> list[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [part for part in model.modules() if isinstance(part, BaseTunerLayer)]
