"""How threads wait: the command chooses, unless something was said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mem1 import threads


@pytest.fixture(autouse=True)
def _nothing_chosen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_chosen", [])


def test_where_nothing_was_said_they_spin_briefly_then_sleep() -> None:
    environment = {"HOME": "somewhere"}
    assert threads.choose(environment)
    assert environment == {"HOME": "somewhere", **threads.CHOICE}
    assert threads.told(environment).startswith("spinning briefly, then sleeping (GOMP_SPINCOUNT=")


@pytest.mark.parametrize("name", threads.WAITING)
def test_what_was_said_of_waiting_is_left_alone(name: str) -> None:
    environment = {name: "7"}
    assert not threads.choose(environment)
    assert environment == {name: "7"}
    assert threads.told(environment) == f"waiting as {name}=7 says"


def test_that_nobody_chose_is_told() -> None:
    assert threads.told({"OMP_NUM_THREADS": "1"}) == "waiting as OpenMP does by itself"


@pytest.mark.parametrize(("given", "expected"), [({}, "3000"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "None")])
def test_the_command_chooses_before_anything_heavy_is_loaded(given: dict[str, str], expected: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in threads.WAITING}
    code = (
        "import os, sys\nfrom mem1.cli.main import main\nmain(['--version'])\n"
        "print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{expected} False"
