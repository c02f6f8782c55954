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

from mem1.retrieval.corpus import read_corpus
from mem1.tasks.files.qa_files import read_objectives

Passage = tuple[str, str, str]
"""Id, title, text."""


def paragraphs(rows: Path) -> Iterator[Passage]:
    """Each paragraph of the rows once, in their order."""
    seen = set()
    for objective in read_objectives(rows, "hotpotqa"):
        for paragraph in objective.metadata["context"]:
            title, text = paragraph["title"], "".join(paragraph["sentences"]).strip()
            if text and (title, text) not in seen:
                seen.add((title, text))
                yield f"hotpotqa-{len(seen)}", title, text


def lines(passages: Iterable[Passage]) -> Iterator[str]:
    """Passages as lines of a corpus; quotes in a title are doubled."""
    for name, title, text in passages:
        quoted = title.replace('"', '""')
        yield json.dumps({"id": name, "contents": f'"{quoted}"\n{text}'}, ensure_ascii=False)


def main(rows: Path, corpus: Path, more: Path | None = None) -> None:
    """Write ``corpus``."""
    passages = list(paragraphs(rows))
    found = len(passages)
    if more is not None:
        passages += [(passage.id, passage.title, passage.text) for passage in read_corpus(more)]
    corpus.write_text("".join(f"{line}\n" for line in lines(passages)), encoding="utf-8")
    print(f"{corpus}: {found} paragraphs of the rows and {len(passages) - found} other passages")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
