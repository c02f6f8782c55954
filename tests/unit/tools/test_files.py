from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mem1.errors import ConfigError
from mem1.tools.base import ToolResult
from mem1.tools.files import Folder

OUTSIDE = ["../outside.txt", "/etc/passwd", "inner/../../outside.txt", "link.txt", "up/outside.txt", ".secret", "pipe"]
STRANGE = [*OUTSIDE, " ", "inner", "missing.md", "a.md/x", "a.md\0", "\udcff", "data.bin", "x" * 300]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    (root / "inner").mkdir(parents=True)
    (root / "a.md").write_text("first line\nthe bound is proven\nlast line\n")
    (root / "inner" / "b.txt").write_text("nothing of note\n")
    (root / ".secret").write_text("the bound is secret")
    (root / "data.bin").write_bytes(b"the bound\0\1\2")
    (tmp_path / "outside.txt").write_text("the bound is outside")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


def use(folder: Path, name: str, text: str, index: Path | str = ":memory:") -> ToolResult:
    async def call() -> ToolResult:
        async with Folder(folder, index) as tools:
            tool = next(tool for tool in tools if tool.spec.name == name)
            return await tool({tool.spec.argument or "": text})

    return asyncio.run(call())


def test_words_are_found_with_file_and_line(folder: Path) -> None:
    assert use(folder, "search_files", "BOUND").text == "a.md:1: first line\nthe bound is proven\nlast line"


def test_a_place_deep_in_a_file_is_given_by_its_line(folder: Path) -> None:
    (folder / "long.md").write_text("".join(f"line {n}\n" for n in range(1, 2001)) + "needle here\n")
    found = use(folder, "search_files", "needle").text
    line = int(found.split(":")[1])
    assert use(folder, "open_file", f"long.md:{line}").text.startswith("line 19")
    assert use(folder, "open_file", "long.md:2001").text == "needle here\n"


def test_a_file_is_found_by_its_name(folder: Path) -> None:
    assert use(folder, "search_files", "inner b").text.startswith("inner/b.txt:1:")


def test_a_file_is_opened_whole_or_from_a_line_on(folder: Path) -> None:
    assert use(folder, "open_file", "a.md").text == "first line\nthe bound is proven\nlast line\n"
    assert use(folder, "open_file", "a.md:3").text == "last line\n"
    assert use(folder, "open_file", "a.md:3").source == "a.md:3"


@pytest.mark.parametrize("path", STRANGE)
def test_nothing_else_is_opened(folder: Path, path: str) -> None:
    result = use(folder, "open_file", path)
    assert result.failed
    assert "outside" not in result.text.replace("nothing outside", "").replace(path, "")


def test_what_changed_is_found_as_it_is_now(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    assert "a.md" in use(folder, "search_files", "proven", index).text
    (folder / "a.md").write_text("something else entirely\n")
    (folder / "c.md").write_text("proven now\n")
    found = use(folder, "search_files", "proven", index).text
    assert found.startswith("c.md:1:")
    assert "a.md" not in found
    (folder / "c.md").unlink()
    assert use(folder, "search_files", "proven", index).text == "No file holds any of these words."


def test_a_query_of_signs_finds_nothing_and_breaks_nothing(folder: Path) -> None:
    for query in ('"', "* OR NEAR(", "a.md AND", "';--", "\N{PILE OF POO}"):
        assert not use(folder, "search_files", query).failed


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        Folder(tmp_path / "missing")
