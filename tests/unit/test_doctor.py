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
    assert {"python", "torch", "transformers", "cpu", "disk", "memory"} <= {check.name for check in findings}
    assert [check for check in findings if check.status is not Status.OK and not check.hint] == []


def test_the_package_versions_are_those_installed() -> None:
    import torch

    assert the(doctor.check_packages(), "torch") == Check("torch", Status.OK, str(torch.__version__))


def test_a_package_that_is_missing_or_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_NEEDED", {"no_such_package": "1.0", "pytest": "99.0"})
    missing, old, *_ = doctor.check_packages()
    assert (missing.status, missing.found) == (Status.FAIL, "not installed")
    assert old.status is Status.FAIL
    assert old.found.endswith("older than 99.0")


def test_an_optional_package_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_OPTIONAL", {"no_such_package": "pip install it"})
    found = the(doctor.check_packages(), "no_such_package")
    assert (found.status, found.hint) == (Status.WARN, "pip install it")


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.13.0+cpu", (2, 13)), ("5.23.0", (5, 23)), ("2.9", (2, 9)), ("3.0rc1", (3, 0))]
)
def test_versions_compare_by_number(version: str, numbers: tuple[int, int]) -> None:
    assert doctor._numbers(version) == numbers


def test_cpu_flags_are_read_from_the_first_core(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor : 0\nflags : fpu avx2 amx_bf16\n\nprocessor : 1\nflags : none\n", encoding="utf-8")
    assert doctor._cpu_flags(path) >= {"avx2", "amx_bf16"}
    assert "none" not in doctor._cpu_flags(path)
    assert doctor._cpu_flags(tmp_path / "absent") == set()


def test_available_memory_is_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 8 kB\nMemAvailable:   3 kB\n", encoding="utf-8")
    assert doctor._available_memory(path) == 3072
    assert doctor._available_memory(tmp_path / "absent") is None


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
