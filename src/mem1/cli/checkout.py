"""Where the checkout is: benchmarks belong to it, not to the installed package."""

from __future__ import annotations

from pathlib import Path

import mem1
from mem1.errors import ConfigError


def find(name: str) -> Path:
    """The path ``name`` of the checkout this package was installed from, or of the current directory.

    Raises ``ConfigError`` where neither has it (an installed wheel carries no benchmarks).
    """
    roots = (Path(mem1.__file__).parents[2], Path.cwd())
    for root in roots:
        if (root / name).exists():
            return root / name
    raise ConfigError(
        f"there is no {name} here",
        where=" or ".join(str(root) for root in roots),
        hint="run this from a checkout of the repository, where make setup was run",
    )
