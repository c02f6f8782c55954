"""Accepted answers in the forms in which datasets keep them."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from typing import Any

FORM = "a list of texts"


def answers_of(value: Any) -> tuple[str, ...] | None:
    """The answers that a field holds; ``None`` where it is not plain which they are.

    A list of texts; SQuAD's ``{"text": [...], "answer_start": [...]}``; TriviaQA's ``{"value", "aliases"}``; a list of
    objects with ``answer`` or ``text`` (KILT). Each answer stands once, in its order.
    """
    match value:
        case list() | tuple() if all(isinstance(one, str) for one in value):
            return tuple(value)
        case list() if value and all(isinstance(one, dict) for one in value):
            named = [one.get("answer", one.get("text")) for one in value]
            return tuple(dict.fromkeys(named)) if all(isinstance(one, str) for one in named) else None
        case {"value": str(first)}:
            more = answers_of(value.get("aliases", []))
            return None if more is None else tuple(dict.fromkeys((first, *more)))
        case {"text": str(only)}:
            return (only,)
        case {"text": list(several)} if all(isinstance(one, str) for one in several):
            return tuple(dict.fromkeys(several))
        case _:
            return None


def is_listed(text: str) -> bool:
    """Whether a cell looks like a list, and not like an answer."""
    bare = text.strip()
    return (bare.startswith("[") and bare.endswith("]")) or bare.startswith("array(")


def listed(text: str) -> tuple[str, ...] | None:
    """The texts of a list that was written into a cell, as JSON or as Python writes it; ``None`` for anything else.

    NumPy writes arrays of texts without commas, which Python would read as one text: that is refused.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _literal(text.strip())
    if not isinstance(value, list) or not value:
        return None
    if all(type(one) is int for one in value):
        return tuple(map(str, value))
    return tuple(value) if all(isinstance(one, str) for one in value) else None


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        return None
    texts = sum(token.type == tokenize.STRING for token in tokens)
    return None if isinstance(value, list) and texts > len(value) else value
