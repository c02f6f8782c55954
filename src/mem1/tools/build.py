"""From the settings of tools to the tools."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from mem1.http.secret import Secret
from mem1.retrieval.base import Retriever
from mem1.tools.base import ToolSource
from mem1.tools.config import ToolsConfig, WebToolsConfig
from mem1.tools.corpus import Corpus
from mem1.tools.files import Folder
from mem1.tools.toolbox import Toolbox
from mem1.tools.web.build import make_web_tools
from mem1.tools.web.cache import CacheConfig
from mem1.tools.web.pages.extract import check_installed
from mem1.tools.web.search.config import ServiceConfig
from mem1.tools.web.source import Web

_FOUND = "web.sqlite"


def build_toolbox(
    config: ToolsConfig,
    *,
    indexes: Path | None = None,
    taken: Collection[str] = (),
    largest: int | None = None,
    further: Sequence[tuple[str, ToolSource]] = (),
    seconds: float = 0.0,
    at_once: int = 8,
    section: str = "tools",
) -> Toolbox:
    """The tools of ``config``, opened when the toolbox is entered.

    ``indexes``: a folder for what is indexed and kept; ``None``: in memory. ``taken``: names that are in use otherwise.
    ``largest``: characters of a file or page that are given at once; ``None``: all. ``further``: sources beside those,
    of which a call may take ``seconds``; ``at_once``: calls at the same time. ``section``: where ``config`` stands
    in a configuration, for what errors say of its keys.
    Raises ``ConfigError`` where a folder, a key or a package is missing.
    """
    sources: list[tuple[str, ToolSource]] = list(further)
    for number, folder in enumerate(config.files):
        index = ":memory:" if indexes is None else indexes / f"files-{number}.db"
        sources.append((_name(folder), Folder(folder, index, largest=largest)))
    for path in config.corpus:
        sources.append((_name(path), Corpus(partial(_retriever, path), name=path.name, top_k=config.top_k)))
    if config.mcp:
        from mem1.tools.mcp.source import McpServer  # the extra mcp

        sources += [(server.label, McpServer(server, section=f"{section}.mcp")) for server in config.mcp]
    if config.web is not None:
        sources.append(("web", _web(config.web, indexes, largest, f"{section}.web")))
    longest = max([seconds, config.seconds, *(server.call_seconds + 5 for server in config.mcp)])
    return Toolbox(sources, only=config.only, taken=taken, seconds=longest, at_once=at_once, section=section)


def _web(config: WebToolsConfig, kept: Path | None, largest: int | None, section: str) -> ToolSource:
    cache = config.cache
    if cache is None:
        cache = CacheConfig() if kept is None else CacheConfig(mode="use", file=str(kept / _FOUND))
    if cache.mode != "replay" and isinstance(config.search, ServiceConfig):
        # Told at once, and not when a session has begun.
        Secret.from_environment(config.search.key_env, where=f"{section}.search.key_env")
        if config.open:
            check_installed(f"{section}.pages")
    make = partial(make_web_tools, config.search, config.pages, cache, opens=config.open, section=section)
    return Web(make, top_k=config.top_k, opens=config.open, largest=largest)


def _retriever(path: Path) -> Retriever:
    from mem1.retrieval.bm25.config import Bm25Config  # numpy

    return Bm25Config(corpus=path).build()


def _name(path: Path) -> str:
    """What a folder or file is called in the names of tools: letters, digits and underscores."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in path.resolve().stem)
    return name if name[:1].isalpha() else f"at_{name}"
