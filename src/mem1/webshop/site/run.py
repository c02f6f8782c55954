"""Running the shop's web page until a signal ends it."""

from __future__ import annotations

from collections.abc import Callable

from mem1.serving.run import run_app
from mem1.webshop.site.app import make_app
from mem1.webshop.site.config import SiteConfig
from mem1.webshop.site.pages import Site


def serve(site: Site, config: SiteConfig, *, on_start: Callable[[str], None] = lambda address: None) -> None:
    """Serve until SIGTERM or Ctrl-C. ``on_start`` gets the address once the port is bound.

    Raises ``StorageError`` where the port is taken.
    """
    try:
        run_app(lambda: make_app(site, config), config, on_start=lambda address: on_start(f"{address}/"))
    finally:
        site.sessions.close()
