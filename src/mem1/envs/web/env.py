"""One episode of question answering on the web."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mem1.actions.tools import OPEN, SEARCH
from mem1.envs.passages import PassagesEnvironment
from mem1.envs.prompts import render_prompt
from mem1.envs.web.config import WebEnvConfig
from mem1.errors import BackendError
from mem1.retrieval.base import Hit, Passage
from mem1.rewards.base import Scorer
from mem1.tools.web.results import Page, SearchResult
from mem1.tools.web.tools import WebTools, place_in
from mem1.types import Observation, Task, ToolCall

_PIECE = 600  # characters of a page that are shown whole or not at all
_END = re.compile(r"\n\n|\n|(?<=[.!?]) | ")


class WebSearchError(BackendError):
    """A search failed, and the recipe wants such episodes to fail (``env.failures``)."""


class WebWorld:
    """Makes environments over the same tools, and says what these were asked for."""

    def __init__(self, config: WebEnvConfig, tools: WebTools, scorer: Scorer) -> None:
        self._config, self._tools, self._scorer = config, tools, scorer

    def __call__(self, task: Task) -> WebEnvironment:
        """A fresh environment for ``task``."""
        return WebEnvironment(task, self._config, self._tools, self._scorer)

    @property
    def counts(self) -> Mapping[str, int]:
        """Searches and pages so far, and failures by cause (see ``WebTools.counts``)."""
        return dict(self._tools.counts)


class WebEnvironment(PassagesEnvironment):
    """Search and open (an ``Environment``). What a page or a service says comes as passages, and never as our words."""

    def __init__(self, task: Task, config: WebEnvConfig, tools: WebTools, scorer: Scorer) -> None:
        super().__init__(task, config, scorer)
        self._settings = config
        self._tools = tools
        self.tools = (SEARCH, OPEN) if config.open else (SEARCH,)

    def reset(self) -> tuple[str, Observation | None]:
        """The prompt; and the first question where they are revealed one by one."""
        config = self._settings
        _, first = super().reset()
        prompt = render_prompt(config.prompt, self.task, joined=config.joined, form=config.form, pages=config.open)
        return prompt, first

    async def _use(self, call: ToolCall) -> Observation | None:
        match call:
            case ToolCall(name=SEARCH.name, arguments={"query": str(query)}):
                return await self._search(query)
            case ToolCall(name=OPEN.name, arguments={"url": str(url)}) if self._settings.open:
                return self._unless_spent(await self._page(url))
            case _:
                return None

    async def _search(self, query: str) -> Observation:
        found = await self._tools.search(query, self._settings.top_k)
        if found.failure is not None:
            if self._settings.failures == "fail" and found.failure.cause != "request":
                raise WebSearchError(found.failure.message, hint="env.failures says that such an episode fails")
            head = f"The search failed ({found.failure.cause}): {found.failure.message}."
            return self._unless_spent(Observation(head=head))
        if self._settings.format != "own":
            return self._shown([_hit(one) for one in found.results])
        passages = tuple(self._written(one) for one in found.results)
        return self._unless_spent(Observation(head="" if passages else "Nothing was found.", passages=passages))

    def _written(self, result: SearchResult) -> str:
        return self._settings.passage.format(
            i=result.rank, title=result.title, text=result.snippet, url=result.url, date=result.date or ""
        )

    async def _page(self, text: str) -> Observation:
        url, start = place_in(text)
        opened = await self._tools.open(url, start, self._settings.page_chars)
        if opened.page is None:
            assert opened.failure is not None
            return Observation(head=f"The page was not opened ({opened.failure.cause}): {opened.failure.message}.")
        page = opened.page
        passages = tuple(f"[#{place}] {piece}" for place, piece in _pieces(page))
        if not passages:
            return Observation(head=f"Nothing stands there: the page has {page.total_chars} characters.")
        end = page.start + len(page.text)
        return Observation(
            head=f"Characters {page.start} to {end} of {page.total_chars}; to go on, open the address with #place.",
            passages=((f"{page.title} ({page.final_url})\n{passages[0]}"), *passages[1:]),
        )


def _pieces(page: Page) -> Iterator[tuple[int, str]]:
    """A page in pieces of at most ``_PIECE`` characters with their places, cut where a paragraph or sentence ends."""
    text, begin = page.text, 0
    while begin < len(text):
        end = len(text)
        if end - begin > _PIECE:
            window = text[begin : begin + _PIECE]
            cut = max((found.end() for found in _END.finditer(window) if found.end() > _PIECE // 2), default=_PIECE)
            end = begin + cut
        piece = text[begin:end].strip()
        if piece:
            yield page.start + begin, piece
        begin = end


def _hit(result: SearchResult) -> Hit:
    passage = Passage(id=result.url, title=result.title, text=result.snippet)
    return Hit(passage=passage, score=1.0 / result.rank)
