"""The text of a message whose ``content`` is a list of parts, as Mistral and newer OpenAI formats send it."""

from __future__ import annotations

from typing import Any

_THOUGHTS = ("think", "reason", "redacted")  # begin the types of parts that are not what is said


def content_text(content: Any) -> Any:
    """``content`` as one text where it is a list or an object of text parts, ``None`` where none of them is text.

    Anything else comes back as it is, to be refused. Parts of thoughts, images and calls are passed over.
    """
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return content
    texts = [text for part in content if (text := _part(part)) is not None]
    return "".join(texts) if texts else None


def _part(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or str(part.get("type", "text")).startswith(_THOUGHTS):
        return None
    text = part.get("text", part.get("content"))
    if isinstance(text, dict):  # {"value": ..., "annotations": [...]}
        text = text.get("value")
    return text if isinstance(text, str) else None
