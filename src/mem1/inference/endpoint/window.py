"""How much the served model can hold, as far as its server tells: vLLM, llama.cpp, Ollama, LM Studio, TGI, hosted ones.

Each says it elsewhere and under another name. What a model was trained for is not what it is served with: llama.cpp's
``n_ctx_train`` and Ollama's ``/api/show`` are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mem1.http.client import HttpClient
from mem1.http.errors import HttpError, UnreachableError
from mem1.http.secret import Secret
from mem1.http.service import Timeouts
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.connection import service

_OF_MODELS = (
    "max_model_len",
    "loaded_context_length",
    "context_length",
    "context_window",
    "max_context_length",
    "max_input_tokens",
)
_LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Window:
    """What a server tells of a model it serves.

    ``tokens``: prompt and completion together, ``None`` where it does not tell. ``said_by``: where it says so.
    ``models``: names of what it serves. ``special_strings``: control strings of its template that it names.
    """

    tokens: int | None = None
    said_by: str = ""
    models: tuple[str, ...] = ()
    special_strings: tuple[str, ...] = ()


async def discover(config: OpenAiConfig, model: str | None) -> Window:
    """Ask the server of ``config`` about ``model`` (``None``: the first that it serves).

    Raises ``UnreachableError`` where nobody is there and ``ConfigError`` where the key is missing; what a server does
    not know it is not asked twice.
    """
    root = re.sub(r"/v\d+(beta)?/?$", "", config.base_url.rstrip("/"))
    patient = replace(service(config), timeouts=Timeouts(5.0, 10.0, 15.0))
    secret = Secret.from_environment(config.key_env)
    ours, above = HttpClient(patient, secret), HttpClient(replace(patient, url=root), secret)
    try:
        listed = await _asked(ours, "/models")
        served = _models(listed)
        wanted = model or next(iter(served), "")
        window = Window(models=served)
        for client, path, read in _places(ours, above):
            answer = listed if path == "/models" else await _asked(client, path)
            found = read(answer, wanted)
            if path == "/props":
                window = replace(window, special_strings=_control(answer))
            if found is not None:
                return replace(window, tokens=found, said_by=path)
        return window
    finally:
        await ours.close()
        await above.close()


Reader = Callable[[Any, str], int | None]


def _places(ours: HttpClient, above: HttpClient) -> Iterator[tuple[HttpClient, str, Reader]]:
    yield above, "/props", _of_props
    yield ours, "/models", _of_models
    yield above, "/api/ps", _of_ollama
    yield above, "/api/v0/models", _of_models
    yield above, "/info", _of_tgi


async def _asked(client: HttpClient, path: str) -> Any:
    """The answer, ``None`` where the server has none. Raises ``UnreachableError``."""
    try:
        return await client.look(path)
    except UnreachableError:
        raise
    except HttpError:
        return None


def _of_props(answer: Any, model: str) -> int | None:
    return _number(_at(answer, "default_generation_settings", "n_ctx"))


def _of_models(answer: Any, model: str) -> int | None:
    entry = _entry(_at(answer, "data"), "id", model)
    for value in (_at(entry, "meta", "n_ctx"), *(_at(entry, name) for name in _OF_MODELS)):
        if (found := _number(value)) is not None:
            return found
    return None


def _of_ollama(answer: Any, model: str) -> int | None:
    """Of a model that is loaded; one that is not will be loaded with a window that nobody can tell before."""
    entry = _entry(_at(answer, "models"), "name", model, alone=False) or _entry(
        _at(answer, "models"), "name", f"{model}:latest", alone=False
    )
    return _number(_at(entry, "context_length"))


def _of_tgi(answer: Any, model: str) -> int | None:
    return _number(_at(answer, "max_total_tokens")) or _number(_at(answer, "max_input_tokens"))


def _models(answer: Any) -> tuple[str, ...]:
    entries = _at(answer, "data")
    names = [_at(entry, "id") for entry in entries] if isinstance(entries, list) else []
    return tuple(name for name in names if isinstance(name, str))


def _control(answer: Any) -> tuple[str, ...]:
    """The strings with which texts begin and end for the model, as llama.cpp tells them."""
    found = (_at(answer, name) for name in ("bos_token", "eos_token"))
    return tuple(dict.fromkeys(text for text in found if isinstance(text, str) and text.strip() and len(text) < 64))


def _entry(entries: Any, key: str, name: str, *, alone: bool = True) -> Any:
    """The entry whose ``key`` is ``name``; where there is one entry only, with ``alone`` that one."""
    if not isinstance(entries, list):
        return None
    found = next((entry for entry in entries if _at(entry, key) == name), None)
    return entries[0] if found is None and alone and len(entries) == 1 else found


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 2 <= value < _LARGEST else None
