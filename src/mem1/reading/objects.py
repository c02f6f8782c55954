"""JSON files that others wrote and that must hold an object: of a model's folder, of an adapter's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mem1.errors import DataError, Mem1Error
from mem1.text import decoded

_KINDS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


def read_object(path: Path, kind: type[Mem1Error], *, hint: str) -> dict[str, Any]:
    """The object that the JSON file ``path`` holds. Raises ``kind`` where it holds none, or cannot be read."""
    try:
        found = json.loads(decoded(path.read_bytes(), str(path)))
    except DataError as error:
        raise kind(f"{path.name} is no text: {error.what}", where=str(path), hint=hint) from error
    except OSError as error:
        raise kind(f"cannot read {path.name}: {error.strerror}", where=str(path), hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise kind(f"{path.name} is not JSON: {error}", where=str(path), hint=hint) from error
    if not isinstance(found, dict):
        raise kind(f"{path.name} holds {_KINDS[type(found)]} and no object", where=str(path), hint=hint)
    return found
