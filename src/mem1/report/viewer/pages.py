"""The viewer's pages: the list of a run's episodes, one episode, one turn in full, two episodes side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from threading import Lock
from urllib.parse import urlencode

from mem1.errors import DataError
from mem1.evaluation.records import Evaluation, Transcript
from mem1.report.episode_view import ObjectiveView, title_of, view_objectives
from mem1.report.html import environment
from mem1.report.viewer.bars import HEIGHT, NAMES, WIDTH, Skyline, full_lengths, skyline
from mem1.report.viewer.catalogue import Catalogue, Listed
from mem1.report.viewer.damage import DamageWatch
from mem1.report.viewer.filter import ORDERS, OUTCOMES, Filter
from mem1.report.viewer.texts import Texts
from mem1.report.viewer.turns import TurnPart, view_turns
from mem1.storage.episodes import read_episode
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import Vocabulary, read_vocabularies
from mem1.types import Episode

PAGE = 100  # episodes
TURNS = 50  # turns of an episode on one page


@dataclass(frozen=True, slots=True)
class EpisodePart:
    """An episode laid out: ``turns`` are those of one page, the first of them number ``first`` (counted from 1)."""

    listed: Listed
    episode: Episode
    title: str
    objectives: tuple[ObjectiveView, ...]
    skyline: Skyline
    turns: tuple[TurnPart, ...]
    prompt: str | None
    spelled: bool
    first: int
    address: str


class Viewer:
    """Renders the pages of one run. What is written meanwhile shows with the next page, so a run can be watched."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.catalogue = Catalogue(run)
        self._lock = Lock()
        self._vocabularies: dict[tuple[str, ...], tuple[Vocabulary, ...]] = {}
        self._transcripts: dict[str, tuple[float, dict[str, Transcript]]] = {}
        self._damage = DamageWatch(run)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.path.resolve().name

    def index(self, query: Mapping[str, str]) -> str:
        """The list. Raises ``DataError`` for a bad query."""
        chosen = Filter.read(query)
        self.catalogue.refresh()
        rows, total = self.catalogue.page(chosen, PAGE)
        page = min(chosen.page, max(0, total - 1) // PAGE)
        return self._render(
            "viewer_index.html",
            chosen=chosen,
            choices=self.catalogue.choices(),
            outcomes=tuple(OUTCOMES),
            orders=tuple(ORDERS),
            problems=self.catalogue.problems,
            damage=self._damage.look(),
            learnt=self.catalogue.learnt_from,
            rows=[(one, address(one, chosen)) for one in rows],
            total=total,
            size=self.catalogue.size,
            first=page * PAGE,
            before="/?" + chosen.query(page=page - 1) if page else None,
            after="/?" + chosen.query(page=page + 1) if (page + 1) * PAGE < total else None,
        )

    def episode(self, query: Mapping[str, str]) -> str:
        """One episode turn by turn. Raises ``DataError`` if there is none."""
        chosen = Filter.read(query)
        self.catalogue.refresh()
        listed = self._find(query, "file", "id")
        before, after = self.catalogue.neighbours(chosen, listed)
        part = self._part(listed, _from(query), chosen)
        if part.first > max(len(part.episode.turns), 1):
            raise DataError(
                f"no turn {part.first}: there are {len(part.episode.turns)}", where="from", hint="a smaller number"
            )
        others = self.catalogue.same_task(listed)
        return self._render(
            "viewer_episode.html",
            part=part,
            chosen=chosen,
            back="/?" + chosen.query(page=chosen.page),
            before=address(before, chosen) if before else None,
            after=address(after, chosen) if after else None,
            others=[(one, comparison(listed, one)) for one in others],
            pages=_pages(len(part.episode.turns), part.address),
        )

    def turn(self, query: Mapping[str, str]) -> str:
        """What a turn saw, what it did not see, and what it wrote token by token. Raises ``DataError``."""
        self.catalogue.refresh()
        listed = self._find(query, "file", "id")
        episode, texts = self._read(listed)
        number = query.get("turn", "")
        if not number.isdecimal() or not 1 <= int(number[:9]) <= len(episode.turns):
            raise DataError(f"no such turn: {number!r}", where="address", hint=f"1 to {len(episode.turns)}")
        index = int(number) - 1
        context = texts.origins.context(index)
        return self._render(
            "viewer_part.html" if "part" in query else "viewer_turn.html",
            title=title_of(episode),
            listed=listed,
            number=index + 1,
            back=address(listed) + f"&from={_page_of(index)}#turn-{index + 1}",
            turn=episode.turns[index],
            seen=texts.in_context(index, context),
            unseen=texts.dropped(context),
            tokens=texts.written(episode.turns[index]),
        )

    def compare(self, query: Mapping[str, str]) -> str:
        """Two episodes side by side; without a second one, the same task under another strategy.

        Raises ``DataError``.
        """
        self.catalogue.refresh()
        left = self._find(query, "file", "id")
        others = self.catalogue.same_task(left)
        if query.get("id2"):
            right = self._find(query, "file2", "id2")
        elif others:
            right = others[0]
        else:
            raise DataError(
                f"no other episode of the task {left.entry.task_id!r}",
                where=left.entry.id,
                hint="mark two episodes in the list (key x), then compare them (key c)",
            )
        first = _from(query)
        read = [self._read(one) for one in (left, right)]
        top = max(length for episode, texts in read for length in full_lengths(episode, texts.origins) or [0])
        sides = [self._part(one, first, Filter(), top) for one in (left, right)]
        longest = max(len(side.episode.turns) for side in sides)
        if first > max(longest, 1):
            raise DataError(f"no turn {first}: the longer one has {longest}", where="from", hint="a smaller number")
        choices = [one for one in others if one.n != right.n]
        return self._render(
            "viewer_compare.html",
            sides=sides,
            rows=list(zip_longest(*(side.turns for side in sides))),
            swap=comparison(right, left),
            others=[(one, comparison(left, one)) for one in choices],
            pages=_pages(longest, comparison(left, right)),
            same_task=left.entry.task_id == right.entry.task_id,
        )

    def pulse(self) -> str:
        """How many episodes there are by now, for a page that asks whether to be loaded anew."""
        self.catalogue.refresh()
        return str(self.catalogue.size)

    def failure(self, message: str) -> str:
        """A page that says what is wrong."""
        return self._render("viewer_failure.html", message=message)

    def _render(self, template: str, **values: object) -> str:
        made = environment().get_template(template)
        return made.render(run=self.name, names=NAMES, width=WIDTH, height=HEIGHT, **values)

    def _find(self, query: Mapping[str, str], file: str, id: str) -> Listed:
        label, name = query.get(file, ""), query.get(id, "")
        found = self.catalogue.find(label, name)
        if found is None:
            raise DataError(f"no such episode: {name!r} in {label!r}", where="address", hint="choose one from the list")
        return found

    def _read(self, listed: Listed) -> tuple[Episode, Texts]:
        episode = read_episode(self.run.episode_files()[listed.label], listed.entry)
        return episode, Texts(episode, self._known_vocabularies(), self._transcript(listed.label, episode.id))

    def _part(self, listed: Listed, first: int, chosen: Filter, top: int = 0) -> EpisodePart:
        episode, texts = self._read(listed)
        shown = range(first - 1, min(first - 1 + TURNS, len(episode.turns)))
        return EpisodePart(
            listed=listed,
            episode=episode,
            title=title_of(episode),
            objectives=view_objectives(episode),
            skyline=skyline(episode, texts.origins, TURNS, top),
            turns=view_turns(episode, texts, shown),
            prompt=texts.prompt,
            spelled=texts.vocabulary is not None,
            first=first,
            address=address(listed, chosen),
        )

    def _known_vocabularies(self) -> tuple[Vocabulary, ...]:
        """Read once; a run writes each when it begins."""
        names = tuple(sorted(path.name for path in self.run.vocabulary.glob("*.json.gz")))
        with self._lock:
            if names not in self._vocabularies:
                self._vocabularies = {names: read_vocabularies(self.run.vocabulary)}
            return self._vocabularies[names]

    def _transcript(self, label: str, id: str) -> Transcript | None:
        """The contexts kept by the evaluation of the same name; read once per version of its file."""
        if label not in self.run.evaluations():
            return None
        changed = self.run.evaluation(label).stat().st_mtime
        with self._lock:
            if label not in self._transcripts or self._transcripts[label][0] != changed:
                kept = self.run.read_evaluation(label, Evaluation).transcripts
                self._transcripts[label] = changed, {one.episode_id: one for one in kept}
            return self._transcripts[label][1].get(id)


def address(listed: Listed, chosen: Filter | None = None) -> str:
    """Where an episode is shown; ``chosen`` is the list that it was chosen from, to go on in."""
    rest = chosen.query(page=chosen.page) if chosen else ""
    return "/episode?" + urlencode({"file": listed.label, "id": listed.entry.id}) + ("&" + rest if rest else "")


def comparison(left: Listed, right: Listed) -> str:
    """Where two episodes are shown side by side."""
    return "/compare?" + urlencode(
        {"file": left.label, "id": left.entry.id, "file2": right.label, "id2": right.entry.id}
    )


def _from(query: Mapping[str, str]) -> int:
    """The first turn of the page of turns that is asked for."""
    number = query.get("from", "1")
    if not number.isdecimal() or len(number) > 9 or int(number) < 1:
        raise DataError(f"no such turn: {number!r}", where="from", hint="a number from 1 on")
    return _page_of(int(number) - 1)


def _pages(turns: int, address: str) -> list[tuple[int, int, str]]:
    """First and last turn of each page of turns, with its address."""
    return [(k + 1, min(k + TURNS, turns), f"{address}&from={k + 1}#turns") for k in range(0, turns, TURNS)]


def _page_of(index: int) -> int:
    """Number of the first turn on the page that holds the turn at ``index``."""
    return index // TURNS * TURNS + 1
