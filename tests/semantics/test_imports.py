"""Promise: looking at the program costs nothing. Heavy libraries are imported only where they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "tokenizers", "numpy", "jinja2", "tensorboard")
PROBE = """
import contextlib, io, json, sys
{statement}
print(json.dumps([name for name in {names!r} if name in sys.modules]))
"""


def imported_by(statement: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Which of ``names`` a fresh interpreter has imported after ``statement``."""
    probe = PROBE.format(statement=statement, names=names)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_probe_sees_an_import() -> None:
    assert imported_by("import numpy", ("numpy", "torch")) == ["numpy"]


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import mem1", (*HEAVY, "pydantic")) == []


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("from mem1.cli.main import main; main(['--help'])", (*HEAVY, "pydantic", "rich")) == []


@pytest.mark.parametrize(
    "module",
    ["mem1.types", "mem1.config", "mem1.errors", "mem1.envs.base", "mem1.memory.base", "mem1.inference.base"],
)
def test_contracts_import_nothing_heavy(module: str) -> None:
    assert imported_by(f"import {module}") == []


def test_the_help_of_a_command_imports_nothing_heavy() -> None:
    statement = """
from mem1.cli.main import COMMANDS, main
for name in COMMANDS:
    with contextlib.suppress(SystemExit):
        main([name, "--help"])
"""
    assert imported_by(statement) == []


def test_reading_a_recipe_loads_no_part_but_those_it_names() -> None:
    assert imported_by("import mem1.recipe") == []
    statement = """
from mem1.config import load
from mem1.recipe import Recipe
load(Recipe, None, ["memory.type=window", "retriever.type=remote", "retriever.url=http://localhost"])
"""
    parts = ("mem1.memory.strategies.window", "mem1.memory.strategies.notes", "mem1.retrieval.dense.config")
    assert imported_by(statement, (*HEAVY, *parts)) == ["mem1.memory.strategies.window"]


@pytest.mark.parametrize("recipe", ["demo", "webshop", "endpoint", "compare-qa", "distill"])
def test_reading_a_recipe_of_ours_imports_nothing_heavy(recipe: str) -> None:
    path = Path(__file__).parents[2] / "recipes" / f"{recipe}.toml"
    assert (
        imported_by(f"from mem1.config import load; from mem1.recipe import Recipe; load(Recipe, {str(path)!r})") == []
    )
