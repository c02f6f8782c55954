"""Recipes on disk: TOML, of which one may extend another."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError
from mem1.shipped import recipe_path
from mem1.text import decoded

EXTENDS = "extends"


def read_recipe(path: Path | str) -> tuple[Path, dict[str, Any]]:
    """Where the recipe lies, a file's path or a shipped recipe's name, and what it says.

    ``extends = "other.toml"``, relative to the file, lays it over another one: sections are joined key by key, except
    that one with another ``type`` begins anew; lists are replaced. Raises ``ConfigError``.
    """
    found = recipe_path(path)
    return found, _read(found, ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    here = path.resolve()
    if here in above:
        chain = " -> ".join(one.name for one in (*above[above.index(here) :], here))
        raise ConfigError(f"a recipe extends itself: {chain}", where=str(path), hint=f"drop one {EXTENDS}")
    data = _parsed(path)
    base = data.pop(EXTENDS, None)
    if base is None:
        return data
    if not isinstance(base, str) or not base:
        raise ConfigError(
            f"{EXTENDS} names one recipe, got {base!r}", where=str(path), hint=f'write {EXTENDS} = "other.toml"'
        )
    other = path.parent / base
    if not other.is_file():
        raise ConfigError(
            f"there is no {base} to extend", where=str(path), hint="give the file's path, from this file's folder"
        )
    return joined(_read(other, (*above, here)), data)


def joined(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` laid on ``base``: sections key by key, but one with another ``type`` begins anew."""
    result = dict(base)
    for key, value in over.items():
        known = result.get(key)
        if (
            isinstance(known, dict)
            and isinstance(value, dict)
            and value.get("type", known.get("type")) == known.get("type")
        ):
            result[key] = joined(known, value)
        else:
            result[key] = value
    return result


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decoded(path.read_bytes(), str(path)))
    except OSError as error:
        raise ConfigError(
            f"cannot read the recipe: {error.strerror}", where=str(path), hint="give a TOML file you may read"
        ) from error
    except DataError as error:
        raise ConfigError(f"cannot read the recipe: {error.what}", where=error.where, hint=error.hint) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"cannot read the recipe: {error}", where=str(path), hint="correct the TOML") from error
