"""Trained weights on their way to an engine in another process: written as files, and seen to have arrived."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

import torch

from mem1.errors import InexactError, StorageError, boundary
from mem1.inference.base import Request, Section
from mem1.inference.following import Follower
from mem1.inference.hf.loading import save_model
from mem1.inference.weights import FileWeights
from mem1.storage.atomic import storage_errors
from mem1.train.policy.adapters import is_adapted, save_adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PROBES = 4  # completions of a check
_PROBED = 16  # tokens of each


class WeightFiles:
    """Folders with the weights of ``model`` as they are after so many steps; the newest is kept.

    Args:
        model: What is trained.
        parent: Where the folders are made; ``None``: where temporary files go.
        untied: Write the output layer beside the embeddings also where the two are one: vLLM on a CPU keeps a copy of
            the layer in a form of its own, which it does not renew where the two are tied.
        extra_files: Writes what belongs beside the weights (the tokenizer).

    Everything is deleted with the interpreter. Raises ``StorageError``.
    """

    def __init__(
        self, model: PreTrainedModel, parent: Path | None, *, untied: bool, extra_files: Callable[[Path], None]
    ) -> None:
        self._model = model
        self._untied = untied
        self._extra_files = extra_files
        with storage_errors("make a folder for the weights", parent or Path(tempfile.gettempdir())):
            if parent is not None:
                parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="mem1-weights-", dir=parent)).resolve()
        finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, version: int) -> FileWeights:
        """The weights, or the adapter alone where there is one, in a folder of their own."""
        return FileWeights(self._written(f"step-{version:06d}", adapter=is_adapted(self._model)))

    def whole(self) -> Path:
        """A folder with the whole model as it is, for an engine to start from."""
        return self._written("start", adapter=False)

    def _written(self, name: str, *, adapter: bool) -> Path:
        target = self.folder / name
        hint = "make room on the disk, or choose another folder (engine.weights_dir)"
        with boundary("cannot write the weights for the engine", StorageError, hint=hint):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            if adapter:
                save_adapter(self._model, target)
            else:
                save_model(self._model, target)
                if self._untied:
                    untie(target)
            self._extra_files(target)
        for old in self.folder.iterdir():
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
        return target


def untie(folder: Path) -> None:
    """Make the model saved in ``folder`` one whose output layer is stored by itself; it writes the same as before."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    file = folder / "model.safetensors"
    if not config.tie_word_embeddings or not file.is_file():
        return
    tensors = dict(load_file(file))
    embeddings = [name for name in tensors if name.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight"))]
    if "lm_head.weight" not in tensors and len(embeddings) == 1:
        tensors["lm_head.weight"] = tensors[embeddings[0]].clone()
        save_file(tensors, file, metadata={"format": "pt"})
        config.tie_word_embeddings = False
        config.save_pretrained(folder)


async def check_handed_over(engine: Follower, model: PreTrainedModel, version: int) -> float:
    """Sample a few tokens and see that their log-probabilities are those of ``model``; the largest difference, in nats.

    Raises ``InexactError`` where it is above ``engine.handover_gap``, or the completions are of another version.
    """
    done = await asyncio.gather(*[engine.generate(_probe(engine, number, version)) for number in range(_PROBES)])
    off = []
    for number, written in enumerate(done):
        if written.policy_version != version:
            raise InexactError(
                f"the engine says that it writes with the weights of step {written.policy_version}, not {version}"
            )
        prompt = _probe(engine, number, version).prompt
        off.append((logprobs_of(model, prompt, written.token_ids) - torch.tensor(written.logprobs)).abs())
    worst = float(torch.cat(off).max())  # what is no number stays none
    if not worst <= engine.handover_gap:
        raise InexactError(
            f"after the hand-over of step {version} the engine's log-probabilities are up to {worst:.3g} nats from the "
            f"trainer's, more than {engine.handover_gap:g}: it does not write with the weights it was given",
            where="engine.handover_gap",
            hint="an engine that computes in half precision differs by rounding: raise the bound for it. vLLM on a CPU "
            "does not renew an output layer that is tied to the embeddings: serve a model that is stored untied "
            "(docs/scaling.md)",
        )
    return worst


def free_unused(device: torch.device) -> None:
    """Give back what torch holds of ``device`` for later use: an engine that sleeps there takes it when it wakes."""
    if device.type != "cpu":
        gc.collect()  # what is only held by a cycle is not unused yet
        torch.accelerator.empty_cache()


@torch.no_grad()
def logprobs_of(model: PreTrainedModel, prompt: tuple[int, ...], written: tuple[int, ...]) -> torch.Tensor:
    """Log p of each token of ``written`` behind ``prompt``, float32 [len(written)] on the CPU, by one plain forward."""
    ids = torch.tensor([[*prompt, *written]], device=model.device)
    scores: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)
    return scores.gather(1, ids[0, len(prompt) :, None])[:, 0].cpu()


def _probe(engine: Follower, number: int, version: int) -> Request:
    """Prompts of 1, 2, 4, ... times the same words, so that they differ in length."""
    words = engine.tokenizer.encode("The page says what is known so far. ") or [0]
    prompt = tuple(words * 2**number)[: max(1, engine.max_context - _PROBED)]
    section = Section("check", stops=(), final_stops=(), budget=_PROBED)
    return Request(prompt, (section,), session=f"hand-over/{version}/{number}", seed=number)
