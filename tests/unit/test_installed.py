"""What is installed, and how to add what is not: for a checkout and for who installed the package."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from mem1 import installed
from mem1.installed import Requirement, install_hint, missing_hint, requirements

STATED = [
    "numpy>=2",
    'torch<3,>=2.13; extra == "train"',
    "prometheus-client>=0.26; extra == 'serve'",
    'faiss-cpu>=1.15; extra == "dense"',
    'pystemmer>=3.1; extra == "shop"',
    'mem1-rl[train,serve]; extra == "all"',
    'pytest; extra == "dev"',
    'thing[fast]>=1; extra == "odd"',
    'mem1-rl[train]; extra == "odd"',
]


@pytest.fixture(autouse=True)
def _stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: list(STATED))


def test_requirements_by_extra() -> None:
    assert requirements() == {
        "": [Requirement("numpy", ">=2")],
        "train": [Requirement("torch", "<3,>=2.13")],
        "serve": [Requirement("prometheus-client", ">=0.26")],
        "dense": [Requirement("faiss-cpu", ">=1.15")],
        "shop": [Requirement("pystemmer", ">=3.1")],
        "odd": [Requirement("thing", ">=1"), Requirement("mem1-rl", "")],
    }


def test_a_version_will_do_or_not() -> None:
    torch = Requirement("torch", "<3,>=2.13")
    assert torch.satisfied_by("2.13.0+cpu")
    assert torch.satisfied_by("2.14.0rc1")
    assert not torch.satisfied_by("2.9.1")
    assert Requirement("any", "").satisfied_by("0.1")
    assert Requirement("no-such-package-here", "").installed is None
    assert Requirement("numpy", "").installed is not None


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("torch", "pip install 'mem1-rl[train]'"),
        ("torch.nn", "pip install 'mem1-rl[train]'"),
        ("faiss", "pip install 'mem1-rl[dense]'"),
        ("Stemmer", "pip install 'mem1-rl[shop]'"),
        ("prometheus_client", "pip install 'mem1-rl[serve]'"),
        ("strangers_module", "pip install strangers-module"),
    ],
)
def test_a_missing_module_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, module: str, hint: str
) -> None:
    monkeypatch.setattr(installed, "in_checkout", lambda: False)
    assert missing_hint(module) == hint


def test_in_a_checkout_the_hint_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert installed.in_checkout()
    assert install_hint("serve", "shop") == "make setup, or: pip install -c constraints.txt -e '.[serve,shop]'"
    monkeypatch.setattr(installed, "__file__", str(tmp_path / "lib" / "site" / "mem1" / "installed.py"))
    assert install_hint("serve", "shop") == "pip install 'mem1-rl[serve,shop]'"


def test_no_source_file_speaks_of_a_checkout_to_who_has_none() -> None:
    root = Path(installed.__file__).parent
    allowed = {root / "installed.py"}
    named = [
        path for path in root.rglob("*.py") if path not in allowed and "constraints.txt" in path.read_text("utf-8")
    ]
    assert named == []
