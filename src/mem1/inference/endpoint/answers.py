"""What a server answers, checked: the part of the OpenAI formats that is used, with the extensions of vLLM and SGLang.

Only the text is required. Everything beside it (counts, reasons, log-probabilities) is taken where it makes sense and
is unknown where not: it never costs a completion that was paid for. Servers add what they like.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mem1.http.errors import BadAnswerError
from mem1.inference.endpoint.content import content_text

_MOST = 2**53  # what no count of tokens is


def _count(value: Any) -> int | None:
    """A number of tokens, also as ``100.0`` or ``"100"``; ``None`` for what is none."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 0 <= value < _MOST and value == int(value) else None


def _details(value: Any) -> Any:
    return value if isinstance(value, dict) else None


def _stop(value: Any) -> Any:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


_Count = Annotated[int | None, BeforeValidator(_count)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PromptDetails(_Part):
    """Of the prompt tokens, those read from a cache."""

    cached_tokens: _Count = None


class Counts(_Part):
    """The ``usage`` of an answer, as far as it makes sense."""

    prompt_tokens: _Count = Field(default=None, validation_alias=AliasChoices("prompt_tokens", "input_tokens"))
    completion_tokens: _Count = Field(default=None, validation_alias=AliasChoices("completion_tokens", "output_tokens"))
    prompt_cache_hit_tokens: _Count = None
    prompt_tokens_details: Annotated[PromptDetails | None, BeforeValidator(_details)] = None

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens read from a cache, never more than there are; 0 where the server does not say."""
        details = self.prompt_tokens_details
        said = details.cached_tokens if details is not None else self.prompt_cache_hit_tokens
        return min(said or 0, self.prompt_tokens or 0)


class _Choice(_Part):
    """``stop_reason`` (vLLM), ``matched_stop`` (SGLang): the stop string or id that ended it; null at end of text."""

    finish_reason: Any = None
    stop_reason: Annotated[str | int | None, BeforeValidator(_stop)] = None
    matched_stop: Annotated[str | int | None, BeforeValidator(_stop)] = None

    @property
    def tells_stop(self) -> bool:
        """Whether the server says which stop string it was, if any."""
        return bool({"stop_reason", "matched_stop"} & self.model_fields_set)

    @property
    def stop_string(self) -> str | None:
        """The stop string that the server names."""
        found = self.stop_reason if self.stop_reason is not None else self.matched_stop
        return found if isinstance(found, str) else None


class TextChoice(_Choice):
    """A choice of ``/completions``.

    ``token_ids``, ``prompt_token_ids`` and ``logprobs`` (vLLM) are looked at only where they were asked for.
    """

    text: str
    token_ids: Any = None
    prompt_token_ids: Any = None
    logprobs: Any = None


class Message(_Part):
    """What the assistant says. No ``content`` is no text at all, as after a refusal; parts that are text are joined."""

    content: Annotated[str | None, BeforeValidator(content_text)] = None
    refusal: Any = None
    tool_calls: Any = None


class ChatChoice(_Choice):
    """A choice of ``/chat/completions``."""

    message: Message


def _usage(value: Any) -> Any:
    return value if isinstance(value, dict) else None


class _Answer(_Part):
    usage: Annotated[Counts | None, BeforeValidator(_usage)] = None


class TextAnswer(_Answer):
    """``/completions``."""

    choices: tuple[TextChoice, ...] = Field(min_length=1)


class ChatAnswer(_Answer):
    """``/chat/completions``."""

    choices: tuple[ChatChoice, ...] = Field(min_length=1)


AnswerT = TypeVar("AnswerT", bound=_Answer)


def read_answer(kind: type[AnswerT], answer: Any) -> AnswerT:
    """``answer`` (JSON) as ``kind``. Raises ``BadAnswerError`` saying what in it is not as it should be."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    raise BadAnswerError(
        f"the answer is no completion: {f'{place}: ' if place else ''}{first['msg']}; it begins {str(answer)[:120]!r}",
        hint="see that engine.base_url is the address of an OpenAI-compatible server, down to its /v1",
    )
