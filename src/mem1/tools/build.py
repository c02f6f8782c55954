"""From the settings of tools to the tools."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from mem1.retrieval.base import Retriever
from mem1.tools.base import ToolSource
from mem1.tools.config import ToolsConfig
from mem1.tools.corpus import Corpus
from mem1.tools.files import Folder
from mem1.tools.toolbox import Toolbox


def build_toolbox(config: ToolsConfig, *, indexes: Path | None = None, taken: Collection[str] = ()) -> Toolbox:
    """The tools of ``config``, opened when the toolbox is entered.

    ``indexes``: a folder for what is indexed; ``None``: in memory. ``taken``: names that are in use otherwise.
    Raises ``ConfigError`` where a folder or a package is missing.
    """
    sources: list[tuple[str, ToolSource]] = []
    for number, folder in enumerate(config.files):
        index = ":memory:" if indexes is None else indexes / f"files-{number}.db"
        sources.append((_name(folder), Folder(folder, index)))
    for path in config.corpus:
        sources.append((_name(path), Corpus(partial(_retriever, path), name=path.name, top_k=config.top_k)))
    if config.mcp:
        from mem1.tools.mcp.source import McpServer  # the extra mcp

        sources += [(server.label, McpServer(server)) for server in config.mcp]
    longest = max([config.seconds, *(server.call_seconds + 5 for server in config.mcp)])
    return Toolbox(sources, only=config.only, taken=taken, seconds=longest)


def _retriever(path: Path) -> Retriever:
    from mem1.retrieval.bm25.config import Bm25Config  # numpy

    return Bm25Config(corpus=path).build()


def _name(path: Path) -> str:
    """What a folder or file is called in the names of tools: letters, digits and underscores."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in path.resolve().stem)
    return name if name[:1].isalpha() else f"at_{name}"
