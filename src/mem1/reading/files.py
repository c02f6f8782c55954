"""Recipes on disk: TOML, of which one may extend another."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError
from mem1.shipped import recipe_path
from mem1.text import decoded

EXTENDS = "extends"
NOTE = "mem1.json"
"""In an exported policy's folder: how many steps it was trained for, and its recipe."""
OWN = "<folder>"
"""In that recipe: the folder itself."""
OF_A_RUN = "versions.json"
"""What only a run's directory holds: its config.json is no model's, its config.toml its recipe."""


def read_recipe(path: Path | str) -> tuple[Path, dict[str, Any]]:
    """Where the recipe lies, a file's path, a shipped recipe's name or an exported policy's folder, and what it says.

    ``extends = "other.toml"``, relative to the file, lays it over another one: sections are joined key by key, except
    that one with another ``type`` begins anew; lists are replaced. Raises ``ConfigError``.
    """
    found = recipe_path(path)
    return found, _of_folder(found) if found.is_dir() else _read(found, ())


def _of_folder(folder: Path) -> dict[str, Any]:
    """The recipe of an exported policy, whose model and files are the folder's own."""
    note = folder / NOTE
    if not note.is_file():
        hint = "give a TOML file, a shipped recipe's name, or a folder that mem1 export wrote"
        if (folder / OF_A_RUN).is_file():
            hint = f"give the run's recipe: {folder / 'config.toml'}; or evaluate what it trained: --checkpoints latest"
        raise ConfigError(f"a folder is no recipe, and this one holds no {NOTE}", where=str(folder), hint=hint)
    try:
        data = json.loads(decoded(note.read_bytes(), str(note)))
    except (OSError, DataError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"cannot read the recipe: {error}", where=str(note), hint="export the policy again"
        ) from error
    recipe = data.get("recipe") if isinstance(data, dict) else None
    if not isinstance(recipe, dict):
        raise ConfigError(
            f"{NOTE} holds no recipe", where=str(note), hint="export the policy again, with this version of mem1"
        )
    own: dict[str, Any] = _placed(recipe, folder)
    return own


def _placed(value: Any, folder: Path) -> Any:
    """``value`` with the folder's path where it says ``OWN``: as a whole text, or in front of a file's name."""
    if isinstance(value, dict):
        return {key: _placed(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_placed(item, folder) for item in value]
    if value == OWN:
        return str(folder)
    if isinstance(value, str) and value.startswith(f"{OWN}/"):
        return str(folder / Path(value.removeprefix(f"{OWN}/")).name)
    return value


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
