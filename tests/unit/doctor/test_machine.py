"""The doctor: right findings from made-up machines, and no check that can bring it down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mem1 import doctor
from mem1.cli.main import main
from mem1.doctor import Check, Status, examine
from mem1.errors import ModelError
from mem1.installed import Requirement


def the(findings: Iterator[Check], name: str) -> Check:
    """The one finding called ``name``."""
    (found,) = [check for check in findings if check.name == name]
    return found


def only(monkeypatch: pytest.MonkeyPatch, **checks: object) -> None:
    """Let the doctor run just these checks."""
    monkeypatch.setattr(doctor, "CHECKS", checks)


def test_what_is_not_fine_names_its_hint() -> None:
    quick = ("python", "packages", "cpu", "disk", "memory")
    findings = [check for name in quick for check in doctor.CHECKS[name]()]
    assert {"python", "packages", "extra train", "extra shop", "cpu", "disk", "memory"} <= {c.name for c in findings}
    assert [check for check in findings if check.status is not Status.OK and not check.hint] == []


def test_the_package_versions_are_those_installed() -> None:
    import torch

    found = the(doctor.check_packages(), "extra train")
    assert found.status is Status.OK
    assert f"torch {torch.__version__}" in found.found


THERE = Requirement("pytest", ">=1")
OLD = Requirement("pytest", ">=99")
GONE = Requirement("no-such-package", ">=1")


@pytest.mark.parametrize(
    ("extras", "status", "said"),
    [
        ({"": [THERE], "x": [THERE, Requirement("ruff", "")]}, Status.OK, "ruff"),
        ({"": [], "x": [GONE]}, Status.OK, "not installed"),  # nobody asked for it
        ({"": [], "x": [THERE, GONE], "y": [THERE]}, Status.OK, "not installed"),  # what is there came with another
        ({"": [], "x": [THERE, GONE]}, Status.WARN, "without no-such-package"),
        ({"": [], "x": [OLD]}, Status.FAIL, "needed >=99"),
    ],
)
def test_an_extra_is_healthy_absent_or_broken(
    monkeypatch: pytest.MonkeyPatch, extras: dict[str, list[Requirement]], status: Status, said: str
) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: extras)
    found = the(doctor.check_packages(), "extra x")
    assert found.status is status
    assert said in found.found
    assert bool(found.hint) == (said != "ruff")


def test_what_is_always_needed_fails_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", lambda: {"": [THERE, GONE]})
    assert the(doctor.check_packages(), "packages").status is Status.FAIL


def test_without_torch_there_are_no_models_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_has_torch", lambda: False)
    assert [*doctor.check_threads(), *doctor.check_cuda(), *doctor.check_model()] == []


def test_cpu_flags_are_read_from_the_first_core(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor : 0\nflags : fpu avx2 amx_bf16\n\nprocessor : 1\nflags : none\n", encoding="utf-8")
    assert doctor._cpu_flags(path) >= {"avx2", "amx_bf16"}
    assert "none" not in doctor._cpu_flags(path)
    assert doctor._cpu_flags(tmp_path / "absent") == set()


def testavailable_memory_is_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 8 kB\nMemAvailable:   3 kB\n", encoding="utf-8")
    assert doctor.available_memory(path) == 3072
    assert doctor.available_memory(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("free_gib", "status"), [(100.0, Status.OK), (2.0, Status.OK), (1.0, Status.WARN), (0.1, Status.FAIL)]
)
def test_a_disk_that_fills_up_is_noticed(monkeypatch: pytest.MonkeyPatch, free_gib: float, status: Status) -> None:
    class Usage:
        free = int(free_gib * 2**30)

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    (found,) = doctor.check_disk()
    assert found.status is status


def test_a_check_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def ours() -> Iterator[Check]:
        yield Check("before", Status.OK, "fine")
        raise ModelError("the weights are damaged", hint="fetch them again")

    def bug() -> Iterator[Check]:
        yield from (Check("never", Status.OK, str(1 // number)) for number in [0])

    only(monkeypatch, ours=ours, bug=bug)
    first, second, third = examine()
    assert first == Check("before", Status.OK, "fine")
    assert second == Check("ours", Status.FAIL, "the weights are damaged", "fetch them again")
    assert (third.name, third.status, third.found) == (
        "bug",
        Status.FAIL,
        "ZeroDivisionError: integer division or modulo by zero",
    )


@pytest.mark.parametrize(("status", "code"), [(Status.OK, 0), (Status.WARN, 0), (Status.FAIL, 1)])
def test_only_a_failure_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: Status, code: int
) -> None:
    only(monkeypatch, one=lambda: iter([Check("one", status, "found", "hint")]))
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == [
        {"name": "one", "status": str(status), "found": "found", "hint": "hint"}
    ]


def test_the_embedded_world_is_big_enough() -> None:
    (found,) = doctor.check_world()
    assert found.status is Status.OK
    countries, _, questions = (int(part.split()[0].replace(",", "")) for part in found.found.split(", "))
    assert countries > 100
    assert questions >= 2_000


def test_the_shipped_model_is_exact() -> None:
    model, exactness = doctor.check_model()
    assert model.status is Status.OK
    assert exactness.status is Status.OK
