"""What ``import mem1`` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mem1


@pytest.mark.parametrize("name", mem1.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mem1, name) is not None
    assert name in dir(mem1)


def test_what_a_type_checker_sees_is_what_there_is() -> None:
    tree = ast.parse(Path(mem1.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    stated = {alias.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert stated == mem1._PUBLIC


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mem1.nothing  # type: ignore[attr-defined]


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, mem1; print(sorted(m for m in sys.modules if m.startswith(('mem1.', 'numpy', 'pydantic'))))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
