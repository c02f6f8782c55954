"""The program that reads pages and nothing else: started by ``extract.py``, run by its path, with no key around it.

On standard input, again and again: a line of JSON ``{"kind": "html" | "pdf", "length": bytes, ...}`` and as many bytes.
On standard output: a line with the length of what follows, and ``{"title": ..., "text": ...}`` or ``{"error": ...}``.
It imports nothing of the rest: a page must not find anything in here.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

_MEMORY = 1 << 30  # bytes of addresses
_UNREAD = "//script|//style|//template|//noscript|//iframe|//object|//*[@hidden]|//*[@aria-hidden='true']"
_UNSEEN = ("display:none", "visibility:hidden")


def read_html(text: str) -> dict[str, str]:
    """Title and text of a page, what is hidden left out: the main text, or all of it where none is found."""
    import trafilatura
    from lxml import html

    # The parser takes texts with a declaration of an encoding for bytes that have it; they are decoded here already.
    parser = html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    if not text.strip():
        return {"title": "", "text": ""}
    tree = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    title = " ".join((tree.findtext(".//title") or "").split())
    styled = [one for one in tree.xpath("//*[@style]") if any(how in _style(one) for how in _UNSEEN)]
    for element in (*tree.xpath(_UNREAD), *styled):
        if element.getparent() is not None:
            element.drop_tree()
    plain = _plain(tree)
    try:
        main = trafilatura.extract(tree, include_comments=False, include_tables=True, favor_recall=True)
    except (RecursionError, ValueError, AttributeError, TypeError):
        main = None
    return {"title": title, "text": main or plain}


def read_pdf(data: bytes, most_pages: int) -> dict[str, str]:
    """Title and text of the first pages of a PDF."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "it is locked with a password"}
    texts = [page.extract_text() for page in reader.pages[:most_pages]]
    left = len(reader.pages) - len(texts)
    if left > 0:
        texts.append(f"[{left} more pages were not read]")
    try:
        title = reader.metadata.title if reader.metadata is not None else None
    except Exception:  # a title of any type at all may stand there
        title = None
    return {"title": title if isinstance(title, str) else "", "text": "\n\n".join(texts)}


def _style(element: Any) -> str:
    return "".join(element.get("style").lower().split())


def _plain(tree: Any) -> str:
    lines = (" ".join(piece.split()) for piece in tree.itertext())
    return "\n".join(line for line in lines if line)


def _answer(head: dict[str, Any], data: bytes) -> dict[str, str]:
    try:
        if head["kind"] == "pdf":
            return read_pdf(data, head["pages"])
        return read_html(data.decode("utf-8", "replace"))
    except MemoryError:
        return {"error": "it needs too much memory"}
    except Exception as error:
        return {"error": f"it cannot be read ({type(error).__name__})"}


def main() -> None:
    """Answer until the input ends."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # not every system has it: the limit of time is kept from outside
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no answer
    while line := source.readline():
        head = json.loads(line)
        found = json.dumps(_answer(head, source.read(head["length"]))).encode("ascii")
        target.write(b"%d\n" % len(found) + found)
        target.flush()


if __name__ == "__main__":
    main()
