"""From settings of the open web to what searches and opens."""

from __future__ import annotations

from mem1.tools.web.cache import Cache, CacheConfig
from mem1.tools.web.pages.config import PagesConfig
from mem1.tools.web.pages.extract import check_installed
from mem1.tools.web.search.config import SearchConfig, ServiceConfig
from mem1.tools.web.tools import WebTools


def make_web_tools(
    search: SearchConfig, pages: PagesConfig | None, cache: CacheConfig, *, opens: bool, section: str
) -> WebTools:
    """The tools; a replay needs no key and no network. ``opens``: whether pages are read, too.
    ``section``: where these settings stand in a configuration ("env"), for what errors say of their keys.

    Without ``pages`` they are read as by default, and where ``search`` holds pages itself, these alone.
    Raises ``ConfigError``, ``StorageError``.
    """
    kept = Cache(cache) if cache.mode != "off" else None
    provider = reader = None
    if cache.mode != "replay":
        provider = search.build(section=f"{section}.search")
        if opens and (pages is not None or isinstance(search, ServiceConfig)):
            from mem1.tools.web.pages.reader import PageReader  # the extra web

            check_installed(f"{section}.pages")
            reader = PageReader(pages or PagesConfig())
    return WebTools(provider, reader, kept, name=search.type, parameters=search.parameters)
