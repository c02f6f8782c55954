"""What a server returns, as one text: each part once, binary ones by their kind and size."""

from __future__ import annotations

import json
from typing import Any

from mem1.text import well_formed

_NUL = {0: "\N{SYMBOL FOR NULL}"}


def text_of(result: Any, largest: int) -> str:
    """The parts of a ``CallToolResult`` one after another, in at most ``largest`` characters; the rest is said to miss.

    Structured content is shown only where there is no text: servers send the same twice.
    """
    parts = [_part(one) for one in result.content]
    if not any(part.strip() for part in parts) and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    text = well_formed("\n".join(parts)).translate(_NUL)
    if len(text) <= largest:
        return text or "(nothing)"
    return f"{text[:largest]}\n(the server sent {len(text):,} characters; what is beyond {largest:,} was not kept)"


def _part(one: Any) -> str:
    match one.type:
        case "text":
            return str(one.text)
        case "image" | "audio":
            return f"({one.type}, {one.mime_type}, {_bytes(one.data)})"
        case "resource_link":
            return f"{one.name}: {one.uri}" + (f" ({one.description})" if one.description else "")
        case "resource":
            inner = one.resource
            text = getattr(inner, "text", None)
            kind = inner.mime_type or "unknown kind"
            return f"{inner.uri}\n{text}" if text is not None else f"{inner.uri} ({kind}, {_bytes(inner.blob)})"
        case other:
            return f"({other}, which cannot be shown)"


def _bytes(data: str) -> str:
    return f"binary, {len(data) * 3 // 4 - data[-2:].count('='):,} bytes"
