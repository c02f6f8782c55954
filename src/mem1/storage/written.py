"""The door between records and the disk: what could not be read back is not let out, what is no record not in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from mem1.errors import StorageError
from mem1.storage.atomic import read_document
from mem1.storage.guards.limits import check_parts

RecordT = TypeVar("RecordT", bound=BaseModel)

Upgrade = Callable[[Any], Any]

_DEEPEST = 100  # readers of JSON give up at 200 levels
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def to_json(record: BaseModel, what: str, *, where: str, indent: int | None = None) -> bytes:
    """``record`` as JSON that gives the same record when it is read.

    ``what`` names it in the message ("episode 'e1'"), ``where`` its file. Raises ``StorageError`` naming the field for
    numbers that are not finite, text that is no Unicode (half a surrogate pair), nesting beyond 100 levels and values
    that JSON does not know.
    """
    try:
        text = record.model_dump_json(indent=indent)
        data = text.encode()
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise _refused(what, f"{_culprit(record)}{error}", where) from error
    if b"NaN" in data or b"Infinity" in data:
        place = _not_finite(json.loads(data))
        if place is not None:
            raise _refused(what, f"{place} is not a finite number", where)
    check_parts(data, what, where=where)
    if depth(data) > _DEEPEST:
        raise _refused(what, f"it is nested more than {_DEEPEST} levels deep", where)
    return data


def from_json(
    kind: type[RecordT], text: bytes, what: str, *, where: str, hint: str, upgrade: Upgrade | None = None
) -> RecordT:
    """The record that JSON ``text`` holds; ``what`` says what it should be ("episode").

    ``upgrade`` makes a record of this version of one of a former version.

    Raises ``StorageError`` naming the field and ``where`` for everything else: damage, another version, numbers that
    are not finite, nesting without end, more parts than a record of ours has.
    """
    check_parts(text, f"the {what}", where=where)
    try:
        # In two steps: a complaint about JSON makes a copy of all of it, one about a value just names it.
        value = pydantic_core.from_json(text, allow_inf_nan=False)
        return kind.model_validate(value if upgrade is None else upgrade(value))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        why = f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"
    except ValueError as error:
        why = f"it is not JSON: {error}"
    except (TypeError, AttributeError, LookupError, ArithmeticError) as error:  # what no former version wrote
        why = f"it is of no former version either: {error}"
    raise StorageError(f"this is no {what} of this version: {why}", where=where, hint=hint)


def read_record(kind: type[RecordT], path: Path, *, hint: str) -> RecordT:
    """The record in the file ``path``. Raises ``StorageError``, as ``from_json`` does or where it cannot be read."""
    return from_json(kind, read_document(path), path.name, where=str(path), hint=hint)


def depth(data: bytes) -> int:
    """How deeply JSON text is nested."""
    brackets = _STRING.sub(b"", data).translate(None, delete=_ALL_BUT_BRACKETS)
    return max(accumulate((1 if one in b"{[" else -1) for one in brackets), default=0)


def _not_finite(value: Any, place: str = "") -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found = _not_finite(part, f"{place}.{key}" if place else str(key))
        if found is not None:
            return found
    return None


def _culprit(record: BaseModel) -> str:
    """The field that cannot be written, followed by a colon; nothing where only the whole cannot."""
    for name in type(record).model_fields:
        try:
            record.model_dump_json(include={name}).encode()
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            return f"{name}: "
    return ""


def _refused(what: str, why: str, where: str) -> StorageError:
    return StorageError(
        f"{what} cannot be written so that it could be read back: {why}",
        where=where,
        hint="nothing was written; mend what made the value (a model, a server, a data set)",
    )
