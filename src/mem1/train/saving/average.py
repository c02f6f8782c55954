"""The mean of several policies' weights, in place of one of them.

Two trainings that began with the same weights often lie in one basin, and their mean errs less than either ("model
soups", Wortsman et al. 2022, arXiv 2203.05482). What single stages of a warm start lose by chance, such as whole
episodes of many turns, their mean tends to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from mem1.errors import ModelError
from mem1.inference.hf.loading import load_model, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mem1.inference.hf.tokenizer import HfTokenizer


@torch.no_grad()
def averaged(model: PreTrainedModel, tokenizer: HfTokenizer, others: Sequence[str]) -> None:
    """Give ``model`` (float32) the mean of its weights and those of ``others``, each counted once.

    ``others`` are models as ``--model`` names them. Raises ``ModelError`` where one has other weights (names or shapes)
    or splits text into other tokens: their mean would be no policy.
    """
    mean = {name: value.clone() for name, value in model.state_dict().items()}  # tied weights have two names
    for done, spec in enumerate(others, start=1):
        if load_tokenizer(spec).fingerprint != tokenizer.fingerprint:
            raise ModelError(
                "its tokens are other ones", where=f"--average {spec}", hint="average policies that share a tokenizer"
            )
        theirs = load_model(spec, dtype="float32", device="cpu").state_dict()
        if {name: value.shape for name, value in mean.items()} != {name: v.shape for name, v in theirs.items()}:
            raise ModelError(
                "its weights have other names or shapes",
                where=f"--average {spec}",
                hint="average policies of one architecture that were trained from the same model",
            )
        for name, value in mean.items():
            if value.is_floating_point():
                value += (theirs[name] - value) / (done + 1)
    model.load_state_dict(mean)
