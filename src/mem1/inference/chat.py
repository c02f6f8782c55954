"""Chat templates: how an instruct model wants the task prompt wrapped.

The prompt becomes the user's message, and what is carried and written after it stands as the assistant's answer,
which the model goes on with. Wrapping is a matter of text in front of the tokenizer: the control strings of the
template become their single ids, and everything after the prompt is made of ids as ever.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from mem1.errors import ModelError
from mem1.reading.objects import read_object
from mem1.text import BROKEN

_HERE = "\N{OBJECT REPLACEMENT CHARACTER}here\N{OBJECT REPLACEMENT CHARACTER}"
_MARK = "\N{MIDDLE DOT}"


@runtime_checkable
class WrapsPrompts(Protocol):
    """A tokenizer of a model that wants its prompts wrapped."""

    def wrap_prompt(self, prompt: str) -> str:
        """The task prompt as the model wants it."""


def wrap_prompt(tokenizer: object, prompt: str) -> str:
    """``prompt`` as the model of ``tokenizer`` wants it; as it is where it wants nothing."""
    return tokenizer.wrap_prompt(prompt) if isinstance(tokenizer, WrapsPrompts) else prompt


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """What stands in front of a user's message and between it and the assistant's answer."""

    head: str
    tail: str

    @classmethod
    def read(cls, folder: Path) -> ChatTemplate:
        """The template saved in ``folder``.

        Raises ``ModelError`` if there is none, or it does not show a user's message as it is.
        """
        settings = read_settings(folder)
        source = settings.template
        if source is None:
            raise ModelError(
                "the tokenizer has no chat template",
                where=str(folder),
                hint="set engine.chat to false, or take the instruct version of the model",
            )
        tokens = {name: settings.text(name) or "" for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
        text = _render(source, tokens, str(folder))
        head, found, tail = text.partition(_HERE)
        if not found or _HERE in tail:
            raise ModelError(
                f"the chat template does not show the user's message once: {text[:200]!r}",
                where=str(folder),
                hint="set engine.chat to false",
            )
        return cls(head, tail)

    def wrap(self, prompt: str, special_strings: Sequence[str]) -> str:
        """``prompt`` as the user's message, with the assistant's turn begun.

        A prompt holds a dataset's questions: the tokenizer's control strings that the template itself uses are
        broken in it, else a question could end the message and speak as somebody else.
        """
        own = sorted((s for s in special_strings if s.strip() and s in self.head + self.tail), key=len, reverse=True)
        while any(s in prompt for s in own):
            for special in own:
                prompt = prompt.replace(special, (BROKEN if special.startswith(_MARK) else _MARK) + special[1:])
        return self.head + prompt + self.tail


@dataclass(frozen=True, slots=True)
class TokenizerSettings:
    """What stands beside a ``tokenizer.json``: names of special tokens and the chat template."""

    values: dict[str, Any] = field(default_factory=dict)
    template: str | None = None

    def text(self, name: str) -> str | None:
        """The text of a special token; ``None`` where there is none."""
        value = self.values.get(name)
        found = value.get("content") if isinstance(value, dict) else value
        return found if isinstance(found, str) else None


def read_settings(folder: Path) -> TokenizerSettings:
    """``tokenizer_config.json`` and ``chat_template.jinja`` of ``folder``; empty where they are not there.

    Raises ``ModelError`` when they cannot be read.
    """
    values: dict[str, Any] = {}
    try:
        for name in ("special_tokens_map.json", "tokenizer_config.json"):
            if (folder / name).is_file():
                values |= read_object(folder / name, ModelError, hint="fetch the file again")
        file = folder / "chat_template.jinja"
        template = file.read_text(encoding="utf-8") if file.is_file() else values.get("chat_template")
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot read what stands beside the tokenizer: {error}", where=str(folder), hint="fetch the files again"
        ) from error
    if isinstance(template, list):  # several by name
        named = (one for one in template if isinstance(one, dict) and one.get("name") == "default")
        template = next((one.get("template") for one in named), None)
    if template is not None and not isinstance(template, str):
        raise ModelError(
            f"the chat template is {template!r} and no text",
            where=str(folder / "tokenizer_config.json"),
            hint="fetch the file again",
        )
    return TokenizerSettings(values, template)


def _render(source: str, tokens: dict[str, str], where: str) -> str:
    """The template as transformers renders it: one message of the user, the assistant's turn begun."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda form: datetime.now().strftime(form)}
    try:
        return environment.from_string(source).render(
            messages=[{"role": "user", "content": _HERE}], add_generation_prompt=True, tools=None, **tokens
        )
    except TemplateError as error:
        raise ModelError(
            f"the chat template refuses a user's message: {error}", where=where, hint="set engine.chat to false"
        ) from error
