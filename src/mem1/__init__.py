"""mem1: train, evaluate and run language agents that work with constant memory.

What is named here is public: it changes only with a version that says so (CHANGELOG.md). It is imported when it is
first used, so that ``import mem1`` costs nothing. Modules below hold more; what they hold may move.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    # a recipe, its parts, and what they do
    "Recipe": "mem1.recipe",
    "load": "mem1.config",
    "build": "mem1.runtime.build",
    "held_out": "mem1.runtime.tasks",
    "play": "mem1.runtime.play",
    "context": "mem1.runtime.play",
    "RunDir": "mem1.storage.run_dir",
    "read_episodes": "mem1.storage.episodes",
    # records
    "Task": "mem1.types",
    "Objective": "mem1.types",
    "Composition": "mem1.types",
    "Episode": "mem1.types",
    "Turn": "mem1.types",
    "Score": "mem1.types",
    "Observation": "mem1.types",
    # what an agent does
    "ToolSpec": "mem1.types",
    "ToolCall": "mem1.types",
    "Answer": "mem1.types",
    "Malformed": "mem1.types",
    "text_tool": "mem1.types",
    # protocols: what a part of your own offers
    "Agent": "mem1.rollout.agent",
    "Environment": "mem1.envs.base",
    "Memory": "mem1.memory.base",
    "Engine": "mem1.inference.base",
    "Retriever": "mem1.retrieval.base",
    "Passage": "mem1.retrieval.base",
    "Scorer": "mem1.rewards.base",
    # configurations that parts of your own derive from
    "Config": "mem1.config",
    "MemoryConfig": "mem1.memory.config",
    "EnvConfig": "mem1.envs.config",
    "SourceConfig": "mem1.tasks.source_config",
    "ScorerConfig": "mem1.rewards.config",
    # errors
    "Mem1Error": "mem1.errors",
    "ConfigError": "mem1.errors",
    "DataError": "mem1.errors",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'mem1' has no attribute {name!r}") from None
    found = getattr(import_module(module), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
