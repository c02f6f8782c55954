"""The paragraphs that come with HotpotQA rows as a corpus, joined to another one if you have it.

    python examples/hotpot_corpus.py hotpotqa_dev_distractor.jsonl corpus.jsonl [more_passages.jsonl]

Rows are in the FlashRAG format, with ``metadata.context``: paragraphs of a title and sentences. The corpus is in the
field's format, one ``{"id", "contents"}`` a line; a paragraph that several rows share is written once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from mem1.retrieval.base import Passage
from mem1.retrieval.corpus import read_corpus
from mem1.tasks.files.qa_files import QaFiles


def paragraphs(rows: Path) -> Iterator[Passage]:
    """Each paragraph of the rows once, in their order."""
    found = (passage for passage in QaFiles("hotpotqa", {"dev": rows}).passages if passage.text)
    for number, passage in enumerate(found, start=1):
        yield passage.model_copy(update={"id": f"hotpotqa-{number}"})


def lines(passages: Iterable[Passage]) -> Iterator[str]:
    """Passages as lines of a corpus; quotes in a title are doubled."""
    for passage in passages:
        yield json.dumps(passage.document(), ensure_ascii=False)


def main(rows: Path, corpus: Path, more: Path | None = None) -> None:
    """Write ``corpus``."""
    passages = list(paragraphs(rows))
    found = len(passages)
    if more is not None:
        passages += read_corpus(more)
    corpus.write_text("".join(f"{line}\n" for line in lines(passages)), encoding="utf-8")
    print(f"{corpus}: {found} paragraphs of the rows and {len(passages) - found} other passages")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
