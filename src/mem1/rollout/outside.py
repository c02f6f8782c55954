"""What comes into an episode from outside, checked before it becomes part of a record that must be readable later."""

from __future__ import annotations

from pydantic import ValidationError

from mem1.errors import BackendError
from mem1.types import Observation


def no_completion(engine: object, error: ValidationError) -> BackendError:
    """What to say of an engine whose answer makes no ``Completion``: a log-probability that is NaN, say."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or error.title
    return BackendError(
        f"the engine gave what is no completion: {place}: {first['msg']}",
        where=type(engine).__name__,
        hint="a number that is not finite comes from broken weights, or a server's bug: try its other precision or "
        "version",
    )


def check_text(observation: Observation) -> None:
    """Raise ``BackendError`` for text with half a surrogate pair in it, which no file and no tokenizer can hold."""
    for text in (observation.head, *observation.passages, observation.tail):
        if not is_text(text):
            raise BackendError(
                "the environment gave text that is no Unicode: half a surrogate pair",
                where=repr(text[:80]),
                hint="mend the corpus or the server that the text comes from (in JSON, \\ud83d without its other half)",
            )


def is_text(text: str) -> bool:
    """Whether ``text`` can be written down."""
    return text.isascii() or text == cleaned(text)


def cleaned(text: str) -> str:
    """``text`` with a question mark for each half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
