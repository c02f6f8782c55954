"""Low-rank adapters on disk: a folder with ``adapter_config.json`` names its base, and is loaded merged into it."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from types import ModuleType

import torch
from transformers import PreTrainedModel

from mem1.errors import ModelError, boundary
from mem1.inference.folders import ADAPTER_CONFIG
from mem1.installed import install_hint
from mem1.reading.objects import read_object

WEIGHTS = "adapter_model.safetensors"
BASE = "base.json"
_VALUES = 32  # of each weight matrix, from its beginning and from its end, that identify a base model


def import_peft() -> ModuleType:
    """The package peft. Raises ``ModelError`` naming the extra that installs it."""
    try:
        import peft
    except ModuleNotFoundError as error:
        raise ModelError("low-rank adapters need the package peft", hint=install_hint("lora")) from error
    return peft


def base_of(folder: Path) -> str:
    """The model that the adapter in ``folder`` was trained on, as its recipe named it. Raises ``ModelError``."""
    base = read_object(folder / ADAPTER_CONFIG, ModelError, hint="fetch the file again").get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        where = str(folder / ADAPTER_CONFIG)
        raise ModelError("the adapter does not name its base model", where=where, hint="name it there")
    return base


def merge_adapter(base: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """``base`` with the adapter of ``folder`` added to its weights. Raises ``ModelError``."""
    check_base(base, folder)
    peft = import_peft()
    hint = "fetch its files again"
    with boundary(f"cannot load the adapter from {folder}", ModelError, hint=hint), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for an old name
        merged: PreTrainedModel = peft.PeftModel.from_pretrained(base, str(folder)).merge_and_unload(safe_merge=True)
        if hasattr(merged, "peft_config"):
            del merged.peft_config
    return merged


def fingerprint_of(model: PreTrainedModel) -> str:
    """Identifies a model's weights by a few values of each, whatever precision they are loaded in."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        flat = parameter.detach().reshape(-1)
        values = torch.cat([flat[:_VALUES], flat[-_VALUES:]]).to("cpu", torch.bfloat16).to(torch.float32)
        digest.update(f"{name} {tuple(parameter.shape)}".encode() + values.numpy().tobytes())
    return digest.hexdigest()


def base_note(folder: Path) -> dict[str, str]:
    """What the adapter in ``folder`` notes of its base: ``spec`` and ``fingerprint``. Raises ``ModelError``."""
    path, hint = folder / BASE, "restore the file from a copy, or delete it: the base is not compared then"
    known = read_object(path, ModelError, hint=hint)
    if not all(isinstance(known.get(name), str) for name in ("spec", "fingerprint")):
        raise ModelError(f"{BASE} does not say what the adapter's base was", where=str(path), hint=hint)
    return known


def check_base(base: PreTrainedModel, folder: Path) -> None:
    """Refuse a base that is not the one the adapter was trained on, as far as the folder says (ours do)."""
    if not (folder / BASE).is_file():
        return
    if fingerprint_of(base) != base_note(folder)["fingerprint"]:
        raise ModelError(
            f"the adapter was trained on other weights than those of {base_of(folder)} now",
            where=str(folder),
            hint="put the base model back that it was trained on",
        )
