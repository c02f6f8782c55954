"""Search providers: ``env.search`` in a recipe, ``tools.web.search`` of a session, told apart by ``type``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from mem1.config import Config
from mem1.http.addresses import VariableName, address
from mem1.tools.web.search.base import SearchProvider, keys_in

Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, address("key_env")]


class ServiceConfig(Config):
    """What the four services have in common. Seconds: ``timeout`` (one call), ``longest_wait`` (before another try).

    ``key_env`` names the environment variable that holds the key. ``rate``: calls a second at most. ``most_calls``:
    what a run may ask at most; then it ends.
    """

    changes: ClassVar[tuple[str, ...]] = ()  # the keys that change what is found

    type: str
    base_url: Address
    key_env: VariableName | None = None
    timeout: float = Field(default=20.0, gt=0)
    retries: int = Field(default=3, ge=0)
    longest_wait: float = Field(default=60.0, ge=0)
    connections: int = Field(default=4, ge=1)
    rate: Annotated[float, Field(gt=0)] | None = None
    most_calls: Annotated[int, Field(ge=1)] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What is sent beside the query, and changes what is found."""
        return {key: value for key in self.changes if (value := getattr(self, key)) not in (None, ())}

    def build(self, **parts: Any) -> SearchProvider:
        """The provider; ``section`` and further ``parts`` as for ``SearchService``.

        Raises ``ConfigError`` where the key is missing.
        """
        raise NotImplementedError


class SerperConfig(ServiceConfig):
    """Serper. ``gl``: country, ``hl``: language, ``tbs``: how old at most (``qdr:h|d|w|m|y``)."""

    changes: ClassVar[tuple[str, ...]] = ("gl", "hl", "tbs", "page")

    type: Literal["serper"] = "serper"
    base_url: Address = "https://google.serper.dev"
    key_env: VariableName = "SERPER_API_KEY"
    gl: Text | None = "us"
    hl: Text | None = "en"
    tbs: Text | None = None
    page: int | None = Field(default=None, ge=1)

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``ConfigError``."""
        from mem1.tools.web.search.serper import Serper

        return Serper(self, **parts)


class BraveConfig(ServiceConfig):
    """Brave. ``spellcheck`` is off: with it another query may be searched without a word."""

    changes: ClassVar[tuple[str, ...]] = ("country", "search_lang", "safesearch", "freshness", "spellcheck")

    type: Literal["brave"] = "brave"
    base_url: Address = "https://api.search.brave.com"
    key_env: VariableName = "BRAVE_API_KEY"
    rate: Annotated[float, Field(gt=0)] | None = 1.0
    country: Text | None = None
    search_lang: Text | None = None
    safesearch: Literal["off", "moderate", "strict"] = "moderate"
    freshness: Text | None = None
    spellcheck: Literal[0, 1] = 0

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``ConfigError``."""
        from mem1.tools.web.search.brave import Brave

        return Brave(self, **parts)


class TavilyConfig(ServiceConfig):
    """Tavily."""

    changes: ClassVar[tuple[str, ...]] = (
        *("search_depth", "topic", "time_range", "start_date", "end_date", "country"),
        *("include_domains", "exclude_domains"),
    )

    type: Literal["tavily"] = "tavily"
    base_url: Address = "https://api.tavily.com"
    key_env: VariableName = "TAVILY_API_KEY"
    search_depth: Literal["basic", "advanced"] = "basic"
    topic: Literal["general", "news", "finance"] = "general"
    time_range: Literal["day", "week", "month", "year"] | None = None
    start_date: Text | None = None
    end_date: Text | None = None
    country: Text | None = None
    include_domains: tuple[Text, ...] = ()
    exclude_domains: tuple[Text, ...] = ()

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``ConfigError``."""
        from mem1.tools.web.search.tavily import Tavily

        return Tavily(self, **parts)


class SearxngConfig(ServiceConfig):
    """SearXNG of one's own; its settings must list ``json`` under ``search.formats``."""

    changes: ClassVar[tuple[str, ...]] = ("language", "safesearch", "time_range", "categories", "engines")

    type: Literal["searxng"] = "searxng"
    base_url: Address = "http://127.0.0.1:8888"
    language: Text | None = "en"
    safesearch: Literal[0, 1, 2] = 0
    time_range: Literal["day", "week", "month", "year"] | None = None
    categories: Text | None = None
    engines: Text | None = None

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``ConfigError``."""
        from mem1.tools.web.search.searxng import Searxng

        return Searxng(self, **parts)


class CorpusConfig(Config):
    """A corpus file (see ``read_corpus``), searched by BM25 in memory; its documents are the pages."""

    type: Literal["corpus"] = "corpus"
    corpus: Path

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes results."""
        return {"corpus": self.corpus.name}

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``DataError``."""
        from mem1.retrieval.bm25.config import Bm25Config
        from mem1.tools.web.search.corpus import CorpusSearch

        return CorpusSearch(Bm25Config(corpus=self.corpus).build(), self.type, self.parameters)


class RetrieveConfig(Config):
    """Another ``POST /retrieve`` at ``base_url``; its passages are the pages."""

    type: Literal["retrieve"] = "retrieve"
    base_url: Address
    key_env: VariableName | None = None
    timeout: float = Field(default=30.0, gt=0)

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes results; where the service lies does not."""
        return {}

    def build(self, **parts: Any) -> SearchProvider:
        """The provider. Raises ``ConfigError``."""
        from mem1.retrieval.remote import RemoteRetriever
        from mem1.tools.web.search.corpus import CorpusSearch

        keys = keys_in(parts.pop("section"))
        remote = RemoteRetriever(self.base_url, key_env=self.key_env, timeout=self.timeout, keys=keys, **parts)
        return CorpusSearch(remote, self.type, self.parameters)


SearchConfig = Annotated[
    SerperConfig | BraveConfig | TavilyConfig | SearxngConfig | CorpusConfig | RetrieveConfig,
    Field(discriminator="type"),
]
