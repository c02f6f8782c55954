from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.errors import ConfigError
from mem1.tools.base import Tool, ToolResult
from mem1.tools.toolbox import Toolbox
from mem1.types import ToolSpec, text_tool
from tests.unit.run.scripted import Giving, these


class Raising:
    spec: ToolSpec = text_tool("raise", "what")
    changes = True

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        raise RuntimeError("half \ud83d of it")


class Waiting:
    spec: ToolSpec = text_tool("wait", "what")
    changes = False

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return ToolResult("done")


def call(box: Toolbox, name: str, *, times: int = 1) -> list[ToolResult]:
    async def calls() -> list[ToolResult]:
        async with box:
            return list(await asyncio.gather(*(box.call(name, {"what": "x"}) for _ in range(times))))

    return asyncio.run(calls())


def names(*sources: tuple[str, list[Tool]], **options: Any) -> list[str]:
    async def opened() -> list[str]:
        async with Toolbox([(name, these(*tools)) for name, tools in sources], **options) as box:
            return [spec.name for spec in box.specs]

    return asyncio.run(opened())


def test_an_exception_is_a_failed_result_in_text_that_can_be_kept() -> None:
    (result,) = call(Toolbox([("a", these(Raising()))]), "raise")
    assert (result.failed, result.unsure) == (True, True)
    assert result.text == "raise failed: RuntimeError: half \N{REPLACEMENT CHARACTER} of it"


def test_lone_surrogates_in_a_result_are_replaced() -> None:
    (result,) = call(Toolbox([("a", these(Giving(lambda what: "a\ud800b")))]), "give")
    assert result.text == "a\N{REPLACEMENT CHARACTER}b"


def test_no_more_calls_are_made_at_once_than_allowed() -> None:
    tool = Waiting()
    call(Toolbox([("a", these(tool))], at_once=2), "wait", times=6)
    assert tool.most == 2


def test_tools_of_one_name_are_called_after_their_sources() -> None:
    one, two = Giving(str), Giving(str)
    assert names(("a", [one]), ("b", [two, Waiting()])) == ["a.give", "b.give", "wait"]
    assert names(("a", [one]), taken={"give"}) == ["a.give"]
    with pytest.raises(ConfigError, match=r"two tools are named 'a\.give'"):
        names(("a", [one]), ("a", [two]))


def test_only_the_tools_that_are_named_are_offered() -> None:
    assert names(("a", [Giving(str), Waiting()]), only=["wait"]) == ["wait"]
    with pytest.raises(ConfigError, match="no tool is named 'wiat'"):
        names(("a", [Waiting()]), only=["wiat"])
