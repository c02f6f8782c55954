"""What a test or a benchmark starts ends with it."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.ending import inner, started

ROOT = Path(__file__).resolve().parents[2]
# A server that starts another process and says the ids of both.
SERVER = (
    "import os, subprocess, sys, time\n"
    "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(os.getpid(), other.pid, flush=True)\n"
    "time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time\n"
    "from tests.ending import started\n"
    "held = started([sys.executable, '-c', sys.argv[1]])\n"
    "time.sleep(600)"
)


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_and_what_it_started_end_with_a_parent_that_was_killed(way: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, SERVER]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        ids = [int(one) for one in parent.stdout.readline().split()]
        assert len(ids) == 2
        assert all(map(psutil.pid_exists, ids))
        parent.send_signal(way)
        parent.wait(10)
        assert [gone(one) for one in ids] == [True, True]


ALLOWED = {"tests/ending.py", "tests/unit/test_ending.py"}
# These end by themselves: what they write is read by nobody any more, or their input ends.
ALLOWED |= {"tests/unit/cli/test_shell.py", "benchmarks/threads.py", "benchmarks/long_session.py"}


def test_what_goes_on_beside_a_test_is_started_so_that_it_ends_with_it() -> None:
    """``subprocess.run`` waits for what it starts; ``Popen`` does not."""
    files = [file for folder in ("tests", "benchmarks", "tools") for file in (ROOT / folder).rglob("*.py")]
    using = {
        str(file.relative_to(ROOT))
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Popen")
    }
    assert using == ALLOWED, "start it by tests/ending.py"


def test_the_block_of_a_server_that_does_not_end_by_itself_ends_it() -> None:
    with started([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ids = [int(one) for one in process.stdout.readline().split()]
        assert inner(process) == ids[0]
    assert [gone(one) for one in ids] == [True, True]


def test_it_ends_as_its_command_does() -> None:
    assert started([sys.executable, "-c", "raise SystemExit(3)"]).wait(30) == 3
    assert started([sys.executable, "-c", "import sys; raise SystemExit(len(sys.stdin.read()))"]).wait(30) == 0
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert started([sys.executable, "-c", code]).wait(30) == 128 + signal.SIGKILL


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_what_asks_it_to_end_is_the_commands_to_take(name: str) -> None:
    code = (
        "import signal, sys, time\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    process = started([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.Signals[name])
    assert process.wait(30) == 7
