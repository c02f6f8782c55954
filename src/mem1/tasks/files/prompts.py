"""The questions in a prompt that somebody else wrote: behind which words they begin, where they end."""

from __future__ import annotations

import re

# "Question:" at the beginning of a line or a sentence, in the languages in which such data is published.
_WORD = r"(?:Questions?|Q|QUESTIONS?|Pregunta|Frage|Pergunta|Domanda|Вопрос|Soru|السؤال|سؤال)\s*[:：]"
_LINE = re.compile(rf"^[ \t*#>]*{_WORD}\**", re.MULTILINE)
_SENTENCE = re.compile(rf"(?<=[.!?。！？>])\s+{_WORD}")
_FOLLOWING = re.compile(
    r"\b(?:following|these|below|this)\b[^:：\n?]{0,40}\bquestions?\b[^:：\n?]{0,20}[:：]", re.IGNORECASE
)
_CHINESE = re.compile(r"(?:问题|問題|质問|質問|질문)\s*[:：]")
_ANY = re.compile(r"\bquestions?\b[^:\n]*:", re.IGNORECASE)

_MARK = "?？؟⁇⁈⁉"
_BORDER = re.compile(rf"(?<=[{_MARK}])\s*[;；]\s*")
_CHOICE = re.compile(r"\s*\(?[A-Ha-h1-9][).:]\s")
_NUMBERED = re.compile(r"^\s*\d+[.)]\s+", re.MULTILINE)
# What a prompt goes on with behind its question, when it goes on in the same line.
_ORDER = re.compile(
    rf"(?<=[{_MARK}])\s+(?=(?:Please|You (?:must|should|may|can|will)|Think|Answer (?:in|with|the|using|by)|"
    r"Respond|Reply|Output|Give|Put|Let's|Write|Use|Return|Provide|Make sure|Remember|Explain|Do not|Don't|Your)\b)"
)


def find_questions(text: str, count: int) -> list[str] | None:
    """The ``count`` questions that a prompt asks, joined by "; " or numbered; ``None`` where it is not plain which.

    A single question is never parted. Instructions behind the questions are left out.
    """
    start = _start(text)
    if start is None:
        return None
    body = text[start:].strip()
    if count == 1:
        only = _single(body)
        return [only] if only else None
    first = body.split("\n\n")[0]
    listed = [piece.strip() for piece in _NUMBERED.split(first) if piece.strip()]
    line = _ORDER.split(first.splitlines()[0] if first else "")[0]
    for found in ([piece.strip() for piece in _BORDER.split(line)], listed):
        if len(found) == count and all(found):
            return found
    return None


def _start(text: str) -> int | None:
    """Where the questions begin. Of marks at the beginning of a line the last counts (examples stand before); of others
    the first, since the question's own words may hold one."""
    at_lines = [found.end() for found in _LINE.finditer(text)]
    if at_lines:
        return at_lines[-1]
    for pattern in (_SENTENCE, _FOLLOWING, _CHINESE):
        found = pattern.search(text)
        if found:
            return found.end()
    weak = [found.end() for found in _ANY.finditer(text)]
    line = text.rfind("\n", 0, weak[-1]) if weak else -1
    return next((end for end in weak if end > line), None)


def _single(body: str) -> str | None:
    """The question at the head of ``body``, on several lines if they belong to it; ``None`` where that is not plain."""
    lines = [line.strip() for line in body.split("\n\n")[0].splitlines()]
    if not lines:
        return None
    if len(lines) == 1 or all(_CHOICE.match(line) for line in lines[1:]):
        return "\n".join([_ORDER.split(lines[0])[0].strip(), *lines[1:]])
    ends = [number for number, line in enumerate(lines) if line[-1:] and line[-1] in _MARK]
    if not ends or any(_CHOICE.match(line) for line in lines[ends[0] + 1 :]):
        return None
    return "\n".join(lines[: ends[0] + 1])
