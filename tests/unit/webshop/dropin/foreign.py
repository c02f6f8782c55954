"""Code of other projects, read from copies of their repositories where these lie beside the checkout; never kept here.

Their imports are answered from a table: ours in place of the shop they ship, stand-ins in place of what is heavy.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

COPIES = Path(__file__).resolve().parents[5] / ".mirror"


@cache
def source(repository: str, path: str) -> str:
    """The text of a file in a copy; the test is skipped where the copy is not there."""
    copy = COPIES / repository / "repo"
    if not copy.is_dir():
        pytest.skip(f"no copy of {repository} here")
    shown = subprocess.run(["git", f"--git-dir={copy}", "show", f"HEAD:{path}"], capture_output=True, check=True)
    return shown.stdout.decode("utf-8")


def only(text: str, *names: str) -> str:
    """The classes and functions of these names, and no more of the file."""
    found = [node for node in ast.parse(text).body if getattr(node, "name", None) in names]
    assert len(found) == len(names)
    return "\n\n".join(ast.unparse(node) for node in found)


def module(name: str, **holds: Any) -> ModuleType:
    """A module that holds these."""
    made = ModuleType(name)
    vars(made).update(holds)
    return made


def run(text: str, name: str, imports: Mapping[str, ModuleType], **given: Any) -> ModuleType:
    """Run a file's text as the module ``name``, with ``imports`` in place of what it would import by these names."""
    made = module(name, **given)
    with instead({**imports, name: made}):
        exec(compile(text, name, "exec"), vars(made))
    return made


@contextmanager
def instead(imports: Mapping[str, ModuleType]) -> Iterator[None]:
    """Let these modules be imported, and the folders above them; afterwards all is as before."""
    wanted = dict(imports)
    for name in imports:
        parts = name.split(".")
        for end in range(1, len(parts)):
            wanted.setdefault(".".join(parts[:end]), ModuleType(".".join(parts[:end])))
    before = {name: sys.modules.get(name) for name in wanted}
    sys.modules.update(wanted)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old
