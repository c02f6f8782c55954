"""Running the shop's web page until a signal ends it."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from mem1.envs.webshop.site.app import make_app
from mem1.envs.webshop.site.config import SiteConfig
from mem1.envs.webshop.site.pages import Site
from mem1.retrieval.service.run import GentleServer, bind


def serve(site: Site, config: SiteConfig, *, on_start: Callable[[str], None] = lambda address: None) -> None:
    """Serve until SIGTERM or Ctrl-C. ``on_start`` gets the address once the port is bound.

    Raises ``StorageError`` where the port is taken.
    """
    with bind(config.host, config.port) as listener:
        host = f"[{config.host}]" if ":" in config.host else config.host
        on_start(f"http://{host}:{listener.getsockname()[1]}/")
        settings = uvicorn.Config(
            make_app(site, config),
            ws="none",
            loop="asyncio",
            lifespan="off",
            limit_concurrency=512,
            timeout_graceful_shutdown=3,
            access_log=False,
            log_level="warning",
            server_header=False,
        )
        GentleServer(settings).run([listener])
