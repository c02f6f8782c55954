"""Rows of a dataset as objectives, wherever the rows come from, and the paragraphs that some carry as passages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mem1.storage.foreign import shown
from mem1.storage.rows import Row
from mem1.tasks.files.answers import FORM, answers_of
from mem1.text import check_storable
from mem1.types import Objective


class Columns(NamedTuple):
    """Which keys of a row hold what. ``id = None``: rows are numbered."""

    id: str | None = "id"
    question: str = "question"
    answers: str = "golden_answers"


FLASHRAG = Columns()
_ELSEWHERE = ("answers", "answer")  # where others keep them; looked at where a row has no ``golden_answers``


class QaRows(NamedTuple):
    """What a file or a split holds."""

    objectives: tuple[Objective, ...]
    paragraphs: tuple[tuple[str, str], ...]  # title and text, each once


def read_qa(rows: Iterable[Row], source: str, columns: Columns = FLASHRAG) -> QaRows:
    """Objectives with ids ``source/row id``, and the paragraphs that stand in their ``metadata["context"]``.

    The context is taken out of the metadata, so that a task does not carry ten paragraphs for each question.
    Answers may stand in the forms that ``answers_of`` knows. Raises ``DataError`` naming the row and the field: an id
    that is used twice, a blank question, a list of answers without a text in it, and what cannot be kept are errors.
    """
    objectives: dict[str, Objective] = {}
    paragraphs: dict[tuple[str, str], None] = {}
    for number, row in enumerate(rows):
        objective, context = _objective(row, source, columns, number)
        if objective.id in objectives:
            raise row.error(f"the id {objective.id.removeprefix(f'{source}/')!r} is used twice")
        objectives[objective.id] = objective
        paragraphs.update(dict.fromkeys(context))
    return QaRows(tuple(objectives.values()), tuple(paragraphs))


def _objective(row: Row, source: str, columns: Columns, number: int) -> tuple[Objective, tuple[tuple[str, str], ...]]:
    question = row.text(columns.question).strip()
    if not question:
        raise row.error(f"{columns.question!r} is blank")
    metadata = _metadata(row)
    context = tuple(_paragraphs(row, metadata.pop("context", None)))
    name = str(number) if columns.id is None else row.id(columns.id)
    answers = _answers(row, columns.answers)
    kept = {"id": name, columns.question: question, columns.answers: answers, "metadata": metadata}
    check_storable(kept, row.where, hint=row.hint)
    objective = Objective(id=f"{source}/{name}", question=question, answers=answers, source=source, metadata=metadata)
    return objective, context


def _answers(row: Row, key: str) -> tuple[str, ...]:
    if key == FLASHRAG.answers and key not in row.values:
        key = next((other for other in _ELSEWHERE if other in row.values), key)
    value = row.values.get(key)
    found = (value,) if isinstance(value, str) and key == "answer" else answers_of(value)
    if found is None:
        raise row.error(f"{key!r} must be {FORM}, got {shown(value)}")
    if not any(answer.strip() for answer in found):
        raise row.error(f"{key!r} holds no text")
    return found


def _metadata(row: Row) -> dict[str, Any]:
    value = row.values.get("metadata") or {}
    if not isinstance(value, dict):
        raise row.error(f"'metadata' must be an object, got {shown(value)}")
    return dict(value)


def _paragraphs(row: Row, context: Any) -> Iterator[tuple[str, str]]:
    """Title and text of each paragraph. HotpotQA comes as ``[{title, sentences}]``, ``[[title, sentences]]`` and
    ``{title: [...], sentences: [...]}``, the last with ``content`` for ``sentences`` too."""
    if context is None:
        return
    try:
        if isinstance(context, Mapping):
            sentences = context["sentences"] if "sentences" in context else context["content"]
            pairs = list(zip(context["title"], sentences, strict=True))
        else:
            pairs = [
                (one["title"], one["sentences"]) if isinstance(one, Mapping) else (one[0], one[1]) for one in context
            ]
        for title, parts in pairs:
            text = parts if isinstance(parts, str) else "".join(parts)
            if not isinstance(title, str):
                raise TypeError(f"a title must be text, got {title!r}")
            yield title, text.strip()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise row.error(
            f"'metadata.context' must be a list of {{title, sentences}} ({type(error).__name__}: {error})"
        ) from error
