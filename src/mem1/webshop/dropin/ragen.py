"""The environment under the names of RAGEN's ``webshop_minimal``.

from mem1.webshop.dropin.ragen import WebAgentTextEnv, init_basedir   # for: from webshop_minimal import ...
from mem1.webshop.dropin.ragen import DEFAULT_FILE_PATH               # for: from webshop_minimal.utils import ...
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError
from mem1.webshop.dropin import original
from mem1.webshop.dropin.server import ShopServer

DEFAULT_FILE_PATH = ""
FOLDER = "MEM1_WEBSHOP_DATA"
"""The environment variable that names the folder of the published files."""
_FILES = {"small": "items_shuffle_1000.json", "full": "items_shuffle.json"}
_chosen: dict[str, Path | None] = {"items": None}


def init_basedir(dataset: str = "small") -> None:
    """Choose ``small`` (1,000 products) or ``full`` in the folder that ``MEM1_WEBSHOP_DATA`` names.

    Without that variable the catalogue is our own. Raises ``ConfigError`` for another name.
    """
    if dataset not in _FILES:
        raise ConfigError("dataset must be either 'small' or 'full'", where="dataset", hint="name one of them")
    folder = os.environ.get(FOLDER)
    _chosen["items"] = Path(folder) / _FILES[dataset] if folder else None


class WebAgentTextEnv(original.WebAgentTextEnv):
    """The same with ``info`` after a purchase: the parts of its reward."""

    def __init__(
        self,
        observation_mode: original.ObservationMode = "html",
        file_path: str | Path | None = "",
        server: ShopServer | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(observation_mode, file_path or _chosen["items"], server, **settings)

    def step(self, action: str) -> tuple[str, float, bool, Any]:  # type: ignore[override]  # four things, as published
        """As the original; ``info`` is ``None`` but after a purchase."""
        page, reward, done, _ = super().step(action)
        earned = self.visit.reward
        return page, reward, done, dict(earned.parts) if done and earned is not None else None
