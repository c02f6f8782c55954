"""Records of former versions as records of this one. They are read through here, and never written back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ARGUMENTS = {"search": "query", "open": "url", "click": "target", "recall": "query"}


def upgraded_episode(raw: Any) -> Any:
    """An episode of version 1, as JSON holds it, as one of version 2; anything else as it is.

    Actions were kinds of their own and are calls of tools; what a memory answered itself was told by its kind. Scores
    had ``em`` and ``f1``, of a shop ``rewards`` and ``parts`` too, with the success under ``em``: all metrics now.
    """
    if not isinstance(raw, dict) or raw.get("schema_version", 1) != 1:
        return raw
    changed: dict[str, Any] = {"schema_version": 2}
    if isinstance(raw.get("turns"), list):
        changed["turns"] = [_turn(turn) for turn in raw["turns"]]
    if isinstance(raw.get("score"), dict):
        changed["score"] = _score(raw["score"])
    return raw | changed


def upgraded_evaluation(raw: Any) -> Any:
    """An evaluation of version 1, as JSON holds it, as one of version 2; anything else as it is.

    What was measured of a shop had names of its own: success stood under ``em``, ``score`` was 100 times a mean, and
    the parts were means without saying so.
    """
    if not isinstance(raw, dict) or raw.get("schema_version", 1) != 1:
        return raw
    cells = [cell for cell in _list(raw.get("cells")) if isinstance(cell, dict)]
    shop = any("score" in _dict(cell.get("metrics")) for cell in cells)
    return raw | {
        "schema_version": 2,
        "cells": [_cell(cell, shop) if isinstance(cell, dict) else cell for cell in _list(raw.get("cells"))],
        "comparisons": [_comparison(one, shop) for one in _list(raw.get("comparisons"))],
        "verdicts": [_verdict(one, shop) for one in _list(raw.get("verdicts"))],
    }


def _turn(turn: Any) -> Any:
    if not isinstance(turn, dict) or not isinstance(turn.get("action"), dict):
        return turn
    action: dict[str, Any] = turn["action"]
    kind = action.get("type")
    argument = _ARGUMENTS.get(kind) if isinstance(kind, str) else None
    if argument is None or set(action) != {"type", argument}:
        return turn
    call = {"type": "tool_call", "name": kind, "arguments": {argument: action[argument]}}
    return turn | {"action": call, "by_memory": kind == "recall"}


_PARTS = ("r_type", "r_att", "r_option", "r_price")
_SHOP = {"em": "success", "em_per_objective": "success_per_objective"} | {
    name: f"{name}_per_objective" for name in _PARTS
}
"""New names of what was measured of a shop."""


def _score(raw: dict[str, Any]) -> Any:
    if not {"em", "f1"} <= set(raw):
        return raw
    rewards, parts = raw.get("rewards") or (), raw.get("parts") or ()
    rest = {name: value for name, value in raw.items() if name not in ("em", "f1", "rewards", "parts")}
    if not rewards:
        return rest | {"metrics": {"em": raw["em"], "f1": raw["f1"]}}
    names = dict.fromkeys(name for part in parts if isinstance(part, dict) for name in part)
    each = {name: [_dict(part).get(name) for part in parts] for name in names}
    return rest | {"metrics": {"success": raw["em"], "score": rewards, **each}}


def _cell(raw: dict[str, Any], shop: bool) -> dict[str, Any]:
    values, metrics = _dict(raw.get("values")), _dict(raw.get("metrics"))
    if not shop:
        gone = ("score", *_PARTS)
        kept = {name: column for name, column in values.items() if name not in gone}
        return raw | {"values": kept, "scored": ["em", "f1"]}
    size = raw.get("objectives")
    objectives = size if isinstance(size, int) else 1
    return raw | {
        "scored": ["success", "score"],
        "values": _renamed(values, lambda column, by: [_times(value, by) for value in _list(column)], objectives),
        "metrics": _renamed(
            metrics,
            lambda one, by: {key: v if key == "n" else _times(v, by) for key, v in _dict(one).items()},
            objectives,
        ),
    }


def _renamed(found: dict[str, Any], scaled: Callable[[Any, float], Any], objectives: int) -> dict[str, Any]:
    """What was measured of a shop under its new names; ``score`` was in hundredths, and a mean only."""
    kept = {name: value for name, value in found.items() if name not in ("f1", "f1_per_objective", "score")}
    new = {_SHOP.get(name, name): value for name, value in kept.items()}
    if "score" not in found:
        return new
    score = found["score"]
    return new | {"score": scaled(score, objectives / 100), "score_per_objective": scaled(score, 1 / 100)}


def _comparison(raw: Any, shop: bool) -> Any:
    if not shop or not isinstance(raw, dict):
        return raw
    measure = raw.get("measure")
    return raw | {"measure": _SHOP.get(str(measure), measure)}


def _verdict(raw: Any, shop: bool) -> Any:
    if not isinstance(raw, dict):
        return raw
    rest = {name: value for name, value in raw.items() if name not in ("em", "f1")}
    scores = {"success": raw.get("em")} if shop else {"em": raw.get("em"), "f1": raw.get("f1")}
    told = [_SHOP.get(name, name) if shop else name for name in _list(raw.get("told_apart"))]
    return rest | {"scores": scores, "told_apart": told}


def _times(value: Any, factor: float) -> Any:
    return value * factor if isinstance(value, int | float) else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
