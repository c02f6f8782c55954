"""Our tools as seen by the SDK's own client, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import mcp

from mem1.errors import BackendError
from mem1.tools.base import Tool
from mem1.tools.mcp.server import make_server
from mem1.tools.toolbox import Toolbox
from tests.unit.run.scripted import Giving, Noting, these


def use(tools: Sequence[Tool], *calls: tuple[str, dict[str, Any]], largest: int = 1000) -> tuple[list[Any], list[Any]]:
    async def run() -> tuple[list[Any], list[Any]]:
        async with Toolbox([("own", these(*tools))]) as toolbox, mcp.Client(make_server(toolbox, largest=largest)) as c:
            return (await c.list_tools()).tools, [await c.call_tool(name, given) for name, given in calls]

    return asyncio.run(run())


def test_a_client_is_told_of_every_tool_and_whether_it_changes_something(tmp_path: Path) -> None:
    tools, _ = use([Giving(str), Noting(tmp_path / "notes")])
    assert [(one.name, one.description, one.annotations.read_only_hint) for one in tools] == [
        ("give", "give something", True),
        ("note", "write a line down", False),
    ]
    assert tools[0].input_schema["required"] == ["what"]


def test_a_call_brings_its_result_once_and_a_failure_is_a_result_that_says_so(tmp_path: Path) -> None:
    tools: list[Tool] = [Giving(lambda what: f"hot {what}"), Noting(tmp_path / "notes", fails=lambda text: True)]
    _, found = use(
        tools, ("give", {"what": "tea"}), ("note", {"text": "x"}), ("give", {"what": 3}), ("give", {}), ("no", {})
    )
    assert [(one.is_error, one.content[0].text) for one in found] == [
        (False, "hot tea"),
        (True, "the paper is wet"),
        (True, "give: what must be a string"),
        (True, "give: the arguments must have 'what'"),
        (True, "there is no tool 'no'; there are: give, note"),
    ]
    assert all(one.structured_content is None and len(one.content) == 1 for one in found)


def test_a_result_is_cut_at_the_limit_and_says_so_and_holds_no_lone_surrogate() -> None:
    _, (long, broken) = use([Giving(lambda what: what)], ("give", {"what": "x" * 5000}), ("give", {"what": "a"}))
    assert long.content[0].text == "x" * 1000 + "\n(cut after 1,000 of 5,000 characters)"
    _, (broken,) = use([Giving(lambda what: "half \ud83d of it")], ("give", {"what": "a"}))
    assert broken.content[0].text == "half \N{REPLACEMENT CHARACTER} of it"


def test_what_would_end_a_run_of_ours_is_told_to_the_client() -> None:
    def refused(what: str) -> str:
        error = BackendError("the search service answered 401")
        error.ends_run = True
        raise error

    _, (found,) = use([Giving(refused)], ("give", {"what": "a"}))
    assert found.is_error
    assert found.content[0].text == "give failed: the search service answered 401"
