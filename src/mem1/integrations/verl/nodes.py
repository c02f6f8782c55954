"""Whether every node of a Ray cluster has what a run needs there."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mem1.errors import BackendError, ConfigError, boundary

PACKAGES = ("mem1-rl", "verl", "torch", "transformers", "TransferQueue")
_PATIENCE = 600.0  # seconds: verl alone takes half a minute to import, and longer on a busy machine


@dataclass(frozen=True, slots=True)
class Node:
    """What a node answered. ``error``: why the plug-in cannot be imported there; ``None``: it can."""

    name: str
    versions: dict[str, str | None]
    error: str | None


def look() -> dict[str, Any]:
    """Runs on a node: its versions, and whether the plug-in can be imported."""
    error = None
    try:
        import mem1.integrations.verl.plugin  # noqa: F401
    except BaseException:
        error = traceback.format_exc()
    return {"versions": {name: _version(name) for name in PACKAGES}, "error": error}


def nodes() -> list[Node]:
    """What each living node of the cluster that this process belongs to answers."""
    alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0]
    task = ray.remote(look)
    asked = [
        task.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        ).remote()
        for node in alive
    ]
    found = []
    for node, answer in zip(alive, asked, strict=True):
        name = node["NodeManagerAddress"]
        try:
            told = ray.get(answer, timeout=_PATIENCE)
        except Exception as error:
            told = {"versions": {}, "error": f"{type(error).__name__}: {error}"}
        found.append(Node(name, told["versions"], told["error"]))
    return found


def nodes_of(address: str) -> list[Node]:
    """The same of any cluster. Raises ``BackendError`` where there is none."""
    with boundary(f"cannot join the Ray cluster {address}", BackendError, hint="start it: ray start --head"):
        ray.init(address=address, log_to_driver=False, runtime_env={"env_vars": paths()})
    try:
        return nodes()
    finally:
        ray.shutdown()


def paths() -> dict[str, str]:
    """Ray's processes find what this one finds, in a checkout too."""
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if os.environ.get("PYTHONPATH") else {}


def check_nodes() -> None:
    """Raise ``ConfigError`` where a node lacks the plug-in for verl, or has another version of it than this one."""
    own = _version("mem1-rl")
    for node in nodes():
        if node.error is not None:
            raise ConfigError(
                f"the plug-in for verl cannot be imported on the node {node.name}:\n{node.error.rstrip()}",
                where="backend.cluster",
                hint="install the same mem1-rl[verl] on every node; `mem1 doctor --cluster ADDRESS` looks at all",
            )
        if node.versions.get("mem1-rl") != own:
            raise ConfigError(
                f"the node {node.name} has mem1-rl {node.versions.get('mem1-rl')}, and this one has {own}",
                where="backend.cluster",
                hint="install the same mem1-rl[verl] on every node",
            )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
