"""What comes with the program as files: recipes and examples, found by name wherever it is installed."""

from __future__ import annotations

from pathlib import Path

from mem1.errors import ConfigError

ASSETS = Path(__file__).parent / "assets"
RECIPES = ASSETS / "recipes"
EXAMPLES = ASSETS / "examples"


def recipe_names() -> tuple[str, ...]:
    """The shipped recipes, as one names them: ``demo``, ``paper/qwen2.5-7b``."""
    found = RECIPES.rglob("*.toml")
    return tuple(sorted(path.relative_to(RECIPES).as_posix().removesuffix(".toml") for path in found))


def recipe_path(path: Path | str) -> Path:
    """The recipe that is meant: the file ``path`` where there is one, else the shipped recipe of that name.

    ``demo``, ``demo.toml`` and ``recipes/demo.toml`` name the same one. Raises ``ConfigError`` where there is neither.
    """
    path = Path(path)
    if path.exists():
        return path
    name = path.as_posix().removeprefix("recipes/").removesuffix(".toml")
    if name in recipe_names():
        return RECIPES / f"{name}.toml"
    raise ConfigError(
        f"no such recipe: {path}",
        hint=f"give the path of a TOML file, or one of those that come with the program: {', '.join(recipe_names())}",
    )
