"""Models and tokenizers by name: a folder, ``builtin:NAME`` (ships with mem1) or ``package:smollm2``."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as hf_logging

from mem1.errors import ModelError, boundary
from mem1.inference.chat import ChatTemplate, read_settings
from mem1.inference.folders import find_folder, is_adapter
from mem1.inference.hf.adapter import base_of, merge_adapter
from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.inference.tokenizers.fast import end_ids
from mem1.reading.objects import read_object

_AS_ITS_FILE_SAYS = ("TokenizersBackend", "PreTrainedTokenizerFast")
_OBJECTS = ("config.json", "generation_config.json", "model.safetensors.index.json")
_CAUSAL = ("ForCausalLM", "LMHeadModel")


def load_model(spec: str, *, dtype: str | torch.dtype = "float32", device: str = "auto") -> PreTrainedModel:
    """The causal LM that ``spec`` names, in evaluation mode.

    ``dtype`` is a torch dtype, its name, or "auto" (as stored); ``device`` is a torch device or "auto"
    (CUDA if there is any, else CPU). The folder of a low-rank adapter stands for its base model with the adapter
    merged into it. Raises ``ModelError`` if it is missing, damaged, or no causal LM.
    """
    folder = find_folder(spec)
    if is_adapter(folder):
        return merge_adapter(load_model(base_of(folder), dtype=dtype, device=device), folder)
    config = read_config(folder)
    kinds = config.architectures or []
    if kinds and not any(kind.endswith(_CAUSAL) for kind in kinds):
        raise ModelError(
            f"{', '.join(kinds)} is not a causal language model", where=str(folder), hint="use one that is"
        )
    wanted = getattr(torch, dtype, None) if isinstance(dtype, str) and dtype != "auto" else dtype
    if not (wanted == "auto" or isinstance(wanted, torch.dtype)):
        raise ModelError(f"no such dtype: {dtype!r}", hint="use auto, float32, bfloat16 or float16")
    hint = "the files are damaged or incomplete: fetch them again"
    with boundary("cannot load the model", ModelError, where=str(folder), hint=hint), no_bars():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=wanted, local_files_only=True, output_loading_info=True
        )
    model: PreTrainedModel = loaded[0]
    report: dict[str, Any] = loaded[1]
    absent = sorted([*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])])
    if absent:
        raise ModelError(
            f"{len(absent)} weights are missing or have another shape, first {absent[0]}",
            where=str(folder),
            hint="the files do not belong together: save the model again, whole",
        )
    check_finite(model, str(folder))
    move(model, device)
    model.train(False)
    return model


def read_config(folder: Path) -> PreTrainedConfig:
    """The ``config.json`` of the model in ``folder``.

    Raises ``ModelError``, also where another file of it that transformers takes for an object holds none.
    """
    for name in _OBJECTS:
        if name == _OBJECTS[0] or (folder / name).is_file():
            read_object(folder / name, ModelError, hint="fetch the file again")
    where = str(folder / _OBJECTS[0])
    with boundary("cannot read the model's config.json", ModelError, where=where, hint="fetch the file again"):
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True)
        return config


def move(model: PreTrainedModel, device: str) -> None:
    """Bring ``model`` to a torch device, or with "auto" to CUDA if there is any. Raises ``ModelError``."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with boundary(f"cannot move the model to {device!r}", ModelError, hint="choose another device"):
        model.to(device)  # type: ignore[arg-type]


def check_finite(model: PreTrainedModel, where: str) -> None:
    """Refuse weights that are not finite numbers (``ModelError``): all they write is noise, or nothing."""
    for name, weight in model.named_parameters():
        # One pass without a copy: the sum of magnitudes is finite only if each of them is; float32 holds the sum.
        if not bool(torch.linalg.vector_norm(weight.detach(), ord=torch.inf, dtype=torch.float32).isfinite()):
            raise ModelError(
                f"the weight {name} holds values that are not finite numbers",
                where=where,
                hint="the file is damaged or its training diverged: take an earlier one",
            )


def is_float32(model: PreTrainedModel) -> bool:
    """Whether every weight is in float32."""
    return all(weight.dtype is torch.float32 for weight in model.parameters())


@torch.no_grad()
def copy_weights(source: PreTrainedModel, target: PreTrainedModel) -> None:
    """Make the weights and buffers of ``target`` those of ``source``, rounded to its own precision.

    The two are one architecture in two precisions. What an engine cached of ``target`` is stale afterwards.
    """
    theirs = dict(source.named_parameters()) | dict(source.named_buffers())
    for name, value in (*target.named_parameters(), *target.named_buffers()):
        value.copy_(theirs[name])


@torch.no_grad()
def load_weights(model: PreTrainedModel, tensors: Mapping[str, torch.Tensor], *, where: str) -> None:
    """Make the parameters of ``model`` those of ``tensors``. Raises ``ModelError`` before anything is changed.

    Names may have been left out only where they share the storage of one that is there (tied embeddings).
    """
    mine = dict(model.named_parameters(remove_duplicate=False))
    given = {mine[name].data_ptr() for name in tensors if name in mine}
    missing = [name for name, value in mine.items() if name not in tensors and value.data_ptr() not in given]
    odd = [name for name, value in tensors.items() if name in mine and value.shape != mine[name].shape]
    if missing or odd:
        what = f"lack {missing[0]!r}" if missing else f"have another shape for {odd[0]!r}"
        raise ModelError(f"the weights {what}", where=where, hint="hand over those of the same model")
    for name, value in tensors.items():
        if name in mine:
            mine[name].copy_(value)


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises ``ModelError``."""
    from safetensors.torch import load_file

    with boundary(f"cannot read the weights in {file}", ModelError, hint="hand over a whole model.safetensors"):
        return dict(load_file(file))


def load_tokenizer(spec: str, *, chat: bool = False) -> HfTokenizer:
    """The tokenizer that belongs to ``spec``; with ``chat`` it wraps prompts by its chat template.

    An adapter without one has its base model's. Raises ``ModelError`` if there is none, it is not a fast one, or it has
    no template.
    """
    folder = find_folder(spec)
    if not (folder / "tokenizer.json").is_file():
        if is_adapter(folder):
            return load_tokenizer(base_of(folder), chat=chat)
        raise ModelError(
            "no tokenizer.json beside the model", where=str(folder), hint="save the tokenizer into the same folder"
        )
    where = str(folder / "tokenizer.json")
    with boundary("cannot read the tokenizer", ModelError, where=where, hint="fetch the file again"):
        tokenizer = _tokenizer_class(folder).from_pretrained(folder, local_files_only=True)
    return HfTokenizer(tokenizer, ChatTemplate.read(folder) if chat else None, ends=end_ids(folder))


def _tokenizer_class(folder: Path) -> Any:
    """What reads the folder's tokenizer.

    One that is of no model's own class is all in its file. ``AutoTokenizer`` goes by the model's type even then, and
    the class of Qwen2 puts its own rules of normalising and splitting in place of the file's.
    """
    named = read_settings(folder).text("tokenizer_class")
    return PreTrainedTokenizerFast if named in _AS_ITS_FILE_SAYS else AutoTokenizer


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """Write weights and configuration into ``folder``, all as readable as new files are.

    safetensors makes its files for their owner alone, and a server often runs as somebody else.
    """
    with no_bars():
        model.save_pretrained(folder)
    mode = stat.S_IMODE((folder / "config.json").stat().st_mode)
    for weights in folder.glob("*.safetensors"):
        weights.chmod(mode)


@contextmanager
def no_bars() -> Iterator[None]:
    """Loading and saving take seconds; transformers' progress bars would tear the caller's."""
    shown = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
