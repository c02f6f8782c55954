"""``tools/strategies.py`` writes what a run holds, and nothing else of the page changes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mem1.errors import DataError
from tests.unit.report.synthetic import make_run


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    path = Path(__file__).parents[3] / "tools" / "strategies.py"
    spec = importlib.util.spec_from_file_location("strategies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = tmp_path / "strategies.md"
    page.write_text("# Before\n<!-- measured -->\nstale figures\n<!-- /measured -->\nafter\n")
    monkeypatch.setattr(module, "PAGE", page)
    return module


def test_the_page_holds_the_runs_tables(tool: ModuleType, tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks=3)
    run.config_toml.write_text('name = "synthetic"\n')
    tool.main([f"Made up={run.path}"])
    text = tool.PAGE.read_text()
    assert text.startswith("# Before\n<!-- measured -->\n\n### Made up\n\n`builtin:tiny` as it comes")
    assert text.endswith("<!-- /measured -->\nafter\n")
    assert "stale figures" not in text
    assert "| Tasks | Strategy | ΔEM | ΔF1 | Answered |" in text
    assert "| parallel 32 | state |" in text
    tool.main([f"Made up={run.path}"])
    assert tool.PAGE.read_text() == text


def test_a_run_without_an_evaluation_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    run = make_run(tmp_path, evaluated=False)
    with pytest.raises(DataError, match="holds no evaluation"):
        tool.main([f"x={run.path}"])
