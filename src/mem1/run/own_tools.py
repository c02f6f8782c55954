"""Tools of the session itself: looking back, reading on, and finding tools that are not told of in the prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mem1.memory.index import LexicalIndex
from mem1.run.disk.archive import Archive
from mem1.run.shown import Shower
from mem1.types import Observation, ToolSpec, text_tool

RECALL = text_tool("recall", "query", "find words in everything that you saw or wrote earlier")
READ_MORE = text_tool("read_more", "address", "read on at an address, such as r12 or r12:3400")
FIND_TOOLS = text_tool("find_tools", "query", "find further tools, and how each is called")
NAMES = frozenset({RECALL.name, READ_MORE.name, FIND_TOOLS.name, "answer"})
_PLACES = 5
_TOOLS = 3


def recall(archive: Archive, show: Shower, query: str, turn: int, tail: str) -> Observation:
    """The places that fit ``query`` best, each with its address."""
    found = archive.find(query, _PLACES, before=turn)
    if not found:
        return Observation(head="Nothing that you saw or wrote earlier holds any of these words.", tail=tail)
    texts = [f"[{one.address}] {one.source}: {one.text}" for one in found]
    return show.passages(f"{len(texts)} places:", texts, tail)


def read_more(archive: Archive, show: Shower, address: str, tail: str) -> Observation:
    """What stands at ``address``, as much as there is room for."""
    found = archive.block(address)
    if found is None:
        return Observation(head=f"There is no address {address!r}; they look like r12 or r12:3400.", tail=tail)
    block, start = found
    if start >= block.length:
        return Observation(head=f"{block.address} ends at {block.length:,} characters.", tail=tail)
    text = archive.read(block, start, show.widest)
    head = f"[{block.address}:{start}] {block.source}"
    return show(head, text, lambda n: cut(block.address, start + n, block.length), tail, whole=block.length - start)


def cut(address: str, at: int, length: int) -> str:
    """What to say where a text is cut."""
    return f"(cut after {at:,} of {length:,} characters; it goes on at {address}:{at})"


class ToolFinder:
    """Finds tools by the words of their names and descriptions."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self._specs = tuple(specs)
        self._index = LexicalIndex()
        for spec in self._specs:
            parts = spec.name.replace("_", " ").replace(".", " ").replace("-", " ")
            self._index.add(f"{spec.name} {parts} {spec.description}")

    def __call__(self, query: str, tail: str) -> Observation:
        """The tools that fit best, whole: how they are called, and with what."""
        best = [self._specs[number] for number in self._index.search(query, _TOOLS)]
        names = ", ".join(spec.name for spec in self._specs if spec not in best)
        texts = [
            json.dumps({"name": s.name, "description": s.description, "parameters": s.parameters}, ensure_ascii=False)
            for s in best
        ]
        head = "These can be called:" if texts else "No tool is described by these words."
        return Observation(head=head, passages=(*texts, f"Others: {names}" if names else ""), tail=tail)
