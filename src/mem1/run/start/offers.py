"""What a task can do, and how much of it its prompt tells: every tool, within what there is room for."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mem1.actions import ActionForm, ActionSpace
from mem1.inference.base import Tokenizer
from mem1.run.config import RunConfig
from mem1.run.own_tools import FIND_TOOLS, READ_MORE, RECALL
from mem1.types import ToolSpec

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def make_space(config: RunConfig, tools: Sequence[ToolSpec], tokenizer: Tokenizer) -> ActionSpace:
    """The actions of a task that has ``tools``: those, and the session's own."""
    own: tuple[ToolSpec, ...] = (RECALL, READ_MORE)
    form = _form(config, tools)
    untold = _untold(tools, config.told, form, tokenizer)
    if untold:
        own += (FIND_TOOLS,)
    return ActionSpace((*tools, *own), form=form, untold=untold)


def _form(config: RunConfig, tools: Sequence[ToolSpec]) -> ActionForm:
    if config.form != "auto":
        return config.form
    writable = all(_TAG.fullmatch(tool.name) and (tool.argument or tool.takes_nothing) for tool in tools)
    return "tags" if writable and all(len(tool.parameters.get("properties", {})) <= 1 for tool in tools) else "json"


def _untold(tools: Sequence[ToolSpec], room: int, form: ActionForm, tokenizer: Tokenizer) -> frozenset[str]:
    """Names of the tools whose descriptions go beyond ``room`` tokens; in their order, those that fit are told."""
    untold = set()
    for tool in tools:
        text = f"{tool.name} {tool.description}"
        size = len(tokenizer.encode(text if form == "tags" else text + json.dumps(tool.parameters)))
        if size > room:
            untold.add(tool.name)
        else:
            room -= size
    return frozenset(untold)
