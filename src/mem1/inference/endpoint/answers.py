"""What a server answers, checked: the part of the OpenAI formats that is used, with the extensions of vLLM and SGLang.

Only what is read here is required; servers add what they like beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mem1.inference.endpoint.errors import BadAnswerError

_Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PromptDetails(_Part):
    """Of the prompt tokens, those read from a cache."""

    cached_tokens: _Count | None = None


class Counts(_Part):
    """The ``usage`` of an answer."""

    prompt_tokens: _Count
    completion_tokens: _Count = 0
    prompt_tokens_details: PromptDetails | None = None

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens read from a cache; 0 where the server does not say."""
        return (self.prompt_tokens_details.cached_tokens or 0) if self.prompt_tokens_details else 0


class _Choice(_Part):
    """``stop_reason`` (vLLM), ``matched_stop`` (SGLang): the stop string or id that ended it; null at end of text."""

    finish_reason: str
    stop_reason: str | int | None = None
    matched_stop: str | int | None = None

    @property
    def tells_stop(self) -> bool:
        """Whether the server says which stop string it was, if any."""
        return bool({"stop_reason", "matched_stop"} & self.model_fields_set)

    @property
    def stop_string(self) -> str | None:
        """The stop string that the server names."""
        found = self.stop_reason if self.stop_reason is not None else self.matched_stop
        return found if isinstance(found, str) else None


class Logprobs(_Part):
    """Log-probabilities of a text completion, token by token."""

    token_logprobs: tuple[float | None, ...]


class TextChoice(_Choice):
    """A choice of ``/completions``; ``token_ids`` and ``prompt_token_ids`` where they were asked for (vLLM)."""

    text: str
    token_ids: tuple[int, ...] | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    logprobs: Logprobs | None = None


class Message(_Part):
    """What the assistant says. A null ``content`` is no text at all, as after a refusal."""

    content: str | None
    refusal: str | None = None


class ChatChoice(_Choice):
    """A choice of ``/chat/completions``."""

    message: Message


class _Answer(_Part):
    usage: Counts | None = None


class TextAnswer(_Answer):
    """``/completions``."""

    choices: tuple[TextChoice, ...] = Field(min_length=1)


class ChatAnswer(_Answer):
    """``/chat/completions``."""

    choices: tuple[ChatChoice, ...] = Field(min_length=1)


AnswerT = TypeVar("AnswerT", bound=_Answer)


def read_answer(kind: type[AnswerT], body: str) -> AnswerT:
    """``body`` as ``kind``. Raises ``BadAnswerError`` saying what in it is not as it should be."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadAnswerError(
            f"the answer is no completion: {f'{place}: ' if place else ''}{first['msg']}; it begins {body[:120]!r}",
            hint="see that engine.base_url is the address of an OpenAI-compatible server, down to its /v1",
        ) from None
