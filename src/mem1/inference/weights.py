"""Weights as they are handed from a trainer to an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mem1.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SharedWeights:
    """The engine writes with the very object that is trained. ``refresh`` brings the engine's copy up to it, if it
    has one (in another precision, say)."""

    refresh: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class StateWeights:
    """Tensors by name, as ``state_dict()`` has them; all of the engine's must be there."""

    tensors: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileWeights:
    """A folder with ``model.safetensors``, as checkpoints have it, or such a file."""

    path: Path

    @property
    def file(self) -> Path:
        """The file."""
        return self.path / "model.safetensors" if self.path.is_dir() else self.path

    @property
    def folder(self) -> Path:
        """The folder."""
        return self.path if self.path.is_dir() else self.path.parent


WeightSource = SharedWeights | StateWeights | FileWeights


class FixedWeights:
    """An engine whose weights are not to be changed from here: base of those."""

    async def update_weights(self, version: int, source: WeightSource) -> None:
        """Raise ``ConfigError``: it cannot be trained through."""
        refuse(self, source)


def refuse(engine: object, source: WeightSource) -> NoReturn:
    """Say that ``engine`` takes no weights of this kind."""
    kind = type(source).__name__.removesuffix("Weights").lower()
    raise ConfigError(
        f"{type(engine).__name__} takes no weights from here ({kind})",
        where="engine.type",
        hint='train with [engine] type = "transformers", whose weights are in this process, or with "vllm" or '
        '"vllm_server", which take them after each step',
    )
