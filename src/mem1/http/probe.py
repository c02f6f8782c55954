"""Is anybody there, and will they take our key? Asked once, before minutes are spent on a model."""

from __future__ import annotations

from typing import Any

from mem1.http.client import HttpClient
from mem1.http.errors import DeniedError, HttpError, RefusedError, UnreachableError


async def check_models(client: HttpClient, path: str, body: dict[str, Any]) -> None:
    """Ask a server of the OpenAI formats for its models; where it refuses that, for one token: ``body`` to ``path``.

    Raises ``HttpError`` where it cannot be reached, or denies us both. Anything else is for the first real call to see:
    not every server has a list of models, and not every key may read it.
    """
    error = await client.probe("/models")
    if isinstance(error, UnreachableError):
        raise error.told(error.what, ends_run=True)
    if not isinstance(error, RefusedError) or not (isinstance(error, DeniedError) or " 403: " in error.what):
        return
    try:
        await client.call(path, body, lambda answer: None)
    except DeniedError:
        raise
    except HttpError:
        return
