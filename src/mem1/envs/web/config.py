"""The open web in a recipe."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mem1.envs.base import Environment
from mem1.envs.config import Need
from mem1.envs.passages import PassagesConfig
from mem1.event_loop import at_end
from mem1.rewards.base import Scorer
from mem1.tools.web.cache import CacheConfig
from mem1.tools.web.pages.config import PagesConfig
from mem1.tools.web.search.config import SearchConfig, SerperConfig
from mem1.types import Task

if TYPE_CHECKING:
    from mem1.tools.web.tools import WebTools

PASSAGE = "Doc {i}(Title: {title}; {url}) {text}"


class WebEnvConfig(PassagesConfig):
    """Question answering on the web; beside the keys of ``PassagesConfig``:

    ``search``: whom to ask. ``pages``: how pages are read; ``None``: as by default, and for a corpus or another
    ``/retrieve`` only what these hold. ``open``: whether there is a tool that opens pages. ``page_chars``: characters
    of a page that are shown at once. ``cache``: what is kept and replayed. ``failures``: a search that failed is told
    to the policy (``"tell"``), or makes a failed episode (``"fail"``). ``passage`` also knows ``{url}`` and ``{date}``.
    """

    needs: ClassVar[Set[Need]] = frozenset({"scorer"})
    own_passage: ClassVar[str] = PASSAGE
    passage_names: ClassVar[tuple[str, ...]] = ("i", "title", "text", "url", "date")

    type: Literal["web"] = "web"
    top_k: int = Field(default=10, ge=1)
    passage: str = PASSAGE
    search: SearchConfig = SerperConfig()
    pages: PagesConfig | None = None
    open: bool = True
    page_chars: int = Field(default=5000, ge=100)
    cache: CacheConfig = CacheConfig()
    failures: Literal["tell", "fail"] = "tell"

    def build(self, scorer: Scorer) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode. Raises ``ConfigError``, ``StorageError``."""
        from mem1.envs.web.env import WebWorld

        tools = self.make_tools()
        at_end(tools.close)
        return WebWorld(self, tools, scorer)

    def make_tools(self) -> WebTools:
        """The tools themselves; a replay needs no key and no network. Raises ``ConfigError``, ``StorageError``."""
        from mem1.tools.web.build import make_web_tools

        return make_web_tools(self.search, self.pages, self.cache, opens=self.open, section="env")

    async def check(self) -> None:
        """See that the key, or the recording, is there. Nothing is searched for: that costs money."""
        self.make_tools().close()
