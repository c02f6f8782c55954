"""A benchmark is loaded from wherever the command is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mem1.cli.commands.bench import load


def test_a_benchmark_finds_what_it_imports_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "beside_the_benchmarks.py").write_text("FOUND = 3.0\n")
    file = tmp_path / "benchmarks" / "one_of_a_test.py"
    file.write_text("from beside_the_benchmarks import FOUND\n\ndef run(quick):\n    return {'found': FOUND}\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert load(file)(True) == {"found": 3.0}
