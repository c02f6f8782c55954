"""The viewer's pages: the list of a run's episodes, one episode, one turn in full, two episodes side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from threading import Lock
from urllib.parse import urlencode

from mem1.errors import DataError
from mem1.evaluation.records import Evaluation, Transcript
from mem1.evaluation.remembering.survival import survival
from mem1.report.episode_view import ObjectiveView, title_of, view_objectives
from mem1.report.figures.facts import fact_map
from mem1.report.html import environment
from mem1.report.viewer.apart import same_questions, told_apart
from mem1.report.viewer.bars import HEIGHT, NAMES, WIDTH, Skyline, full_lengths, skyline
from mem1.report.viewer.catalogue import Catalogue, Listed
from mem1.report.viewer.damage import DamageWatch
from mem1.report.viewer.filter import ORDERS, OUTCOMES, Filter
from mem1.report.viewer.texts import Texts
from mem1.report.viewer.turns import TurnPart, view_turns
from mem1.storage.episodes import read_episode, stored_line
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import Vocabulary, read_vocabularies
from mem1.types import Episode

PAGE = 100  # episodes
GROUPS = 25  # groups of episodes
TURNS = 50  # turns of an episode on one page


@dataclass(frozen=True, slots=True)
class EpisodePart:
    """An episode laid out: ``turns`` are those of one page, the first of them number ``first`` (counted from 1).

    ``followed``: turns times objectives where answers can be followed through the turns, else 0.
    ``base`` is the address of the run that it belongs to.
    """

    base: str
    listed: Listed
    episode: Episode
    title: str
    objectives: tuple[ObjectiveView, ...]
    skyline: Skyline
    turns: tuple[TurnPart, ...]
    prompt: str | None
    spelled: bool
    followed: int
    first: int
    address: str


class Viewer:
    """Renders the pages of one run. What is written meanwhile shows with the next page, so a run can be watched.

    Args:
        run: The run.
        name: What it is called on its pages.
        base: What its addresses begin with, for one among others; without a slash at the end.
        other: Finds another run's viewer by name, to set episodes of two runs side by side; raises ``DataError``.
    """

    def __init__(
        self, run: RunDir, name: str = "", base: str = "", other: Callable[[str], Viewer] | None = None
    ) -> None:
        self.run = run
        self.base = base
        self.name = name or run.path.resolve().name
        self._other = other
        self.catalogue = Catalogue(run)
        self._lock = Lock()
        self._vocabularies: dict[tuple[str, ...], tuple[Vocabulary, ...]] = {}
        self._transcripts: dict[str, tuple[float, dict[str, Transcript]]] = {}
        self._damage = DamageWatch(run)

    def index(self, query: Mapping[str, str]) -> str:
        """The list. Raises ``DataError`` for a bad query."""
        chosen = Filter.read(query)
        self.catalogue.refresh()
        folded, size = chosen.fold == "group", GROUPS if chosen.fold else PAGE
        found = self.catalogue.count(chosen)
        groups, total = self.catalogue.groups(chosen, size) if folded else ([], found)
        rows = [] if folded else self.catalogue.page(chosen, PAGE)[0]
        page = min(chosen.page, max(0, total - 1) // size)
        return self.render(
            "viewer_index.html",
            chosen=chosen,
            choices=self.catalogue.choices(),
            outcomes=tuple(OUTCOMES),
            orders=tuple(ORDERS),
            problems=self.catalogue.problems,
            damage=self._damage.look(),
            learnt=self.catalogue.learnt_from,
            rows=[(one, self.address(one, chosen)) for one in rows],
            groups=[(one, [(each, self.address(each, chosen)) for each in one.members]) for one in groups],
            found=found,
            total=total,
            size=self.catalogue.size,
            first=page * size,
            before=f"{self.base}/?{chosen.query(page=page - 1)}" if page else None,
            after=f"{self.base}/?{chosen.query(page=page + 1)}" if (page + 1) * size < total else None,
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
        return self.render(
            "viewer_episode.html",
            part=part,
            chosen=chosen,
            back=f"{self.base}/?{chosen.query(page=chosen.page)}",
            before=self.address(before, chosen) if before else None,
            after=self.address(after, chosen) if after else None,
            others=[(one, self.comparison(listed, one)) for one in others],
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
        return self.render(
            "viewer_part.html" if "part" in query else "viewer_turn.html",
            title=title_of(episode),
            listed=listed,
            number=index + 1,
            back=self.address(listed) + f"&from={_page_of(index)}#turn-{index + 1}",
            turn=episode.turns[index],
            seen=texts.in_context(index, context),
            unseen=texts.dropped(context),
            tokens=texts.written(episode.turns[index]),
        )

    def facts(self, query: Mapping[str, str]) -> str:
        """Each objective's answer through the turns of an episode. Raises ``DataError``."""
        self.catalogue.refresh()
        listed = self._find(query, "file", "id")
        episode, texts = self._read(listed)
        if texts.vocabulary is None:
            raise DataError(
                "the run keeps no vocabulary for this episode", where=episode.id, hint="contexts cannot be read"
            )
        answers = [one.answers[0] if one.answers else "" for one in episode.task.objectives]
        found = fact_map(survival(episode, texts.vocabulary.text), answers)
        if found is None:
            raise DataError("no answer of this episode could be followed", where=episode.id, hint="look at its turns")
        return self.render(
            "viewer_facts_part.html" if "part" in query else "viewer_facts.html",
            title=title_of(episode),
            listed=listed,
            back=self.address(listed),
            map=found,
        )

    def compare(self, query: Mapping[str, str]) -> str:
        """Two episodes side by side; without a second one, the same task under another strategy.

        Raises ``DataError``.
        """
        self.catalogue.refresh()
        left = self._find(query, "file", "id")
        others = self.catalogue.same_task(left)
        across = self._across(query.get("run2", ""))
        if query.get("id2"):
            right = across._find(query, "file2", "id2")
        elif others:
            right = others[0]
        else:
            raise DataError(
                f"no other episode of the task {left.entry.task_id!r}",
                where=left.entry.id,
                hint="mark two episodes in the list (key x), then compare them (key c)",
            )
        first = _from(query)
        pair = ((self, left), (across, right))
        read = [viewer._read(one) for viewer, one in pair]
        top = max(length for episode, texts in read for length in full_lengths(episode, texts.origins) or [0])
        sides = [viewer._part(one, first, Filter(), top) for viewer, one in pair]
        longest = max(len(side.episode.turns) for side in sides)
        if first > max(longest, 1):
            raise DataError(f"no turn {first}: the longer one has {longest}", where="from", hint="a smaller number")
        choices = [one for one in others if across is not self or one.n != right.n]
        return self.render(
            "viewer_compare.html",
            sides=sides,
            called=told_apart(sides[0], sides[1], self.name, across.name),
            rows=list(zip_longest(*(side.turns for side in sides))),
            swap=across.comparison(right, left, self),
            others=[(one, self.comparison(left, one)) for one in choices],
            pages=_pages(longest, self.comparison(left, right, across)),
            same_task=left.entry.task_id == right.entry.task_id and same_questions(sides),
        )

    def pulse(self) -> str:
        """How many episodes there are by now, for a page that asks whether to be loaded anew."""
        self.catalogue.refresh()
        return str(self.catalogue.size)

    def failure(self, message: str) -> str:
        """A page that says what is wrong."""
        return self.render("viewer_failure.html", message=message)

    def render(self, template: str, **values: object) -> str:
        """A template's page of this run."""
        made = environment().get_template(template)
        return made.render(
            run=self.name,
            base=self.base,
            home="/" if self.base else None,
            names=NAMES,
            width=WIDTH,
            height=HEIGHT,
            **values,
        )

    def address(self, listed: Listed, chosen: Filter | None = None) -> str:
        """Where an episode is shown; ``chosen`` is the list that it was chosen from, to go on in."""
        rest = chosen.query(page=chosen.page) if chosen else ""
        place = urlencode({"file": listed.label, "id": listed.entry.id})
        return f"{self.base}/episode?{place}" + (f"&{rest}" if rest else "")

    def comparison(self, left: Listed, right: Listed, other: Viewer | None = None) -> str:
        """Where two episodes are shown side by side; the right one may be of another run."""
        place = {"file": left.label, "id": left.entry.id, "file2": right.label, "id2": right.entry.id}
        return f"{self.base}/compare?" + urlencode(place | ({"run2": other.name} if other not in (None, self) else {}))

    def raw(self, query: Mapping[str, str]) -> bytes:
        """An episode's line as it lies on the disk: JSON. Raises ``DataError``, ``StorageError``."""
        self.catalogue.refresh()
        listed = self._find(query, "file", "id")
        return stored_line(self.run.episode_files()[listed.label], listed.entry)

    def _across(self, name: str) -> Viewer:
        """The viewer of the run that the right side belongs to."""
        if not name or name == self.name:
            return self
        if self._other is None:
            raise DataError(f"no such run: {name!r}", where="address", hint="this viewer shows one run")
        found = self._other(name)
        found.catalogue.refresh()
        return found

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
            base=self.base,
            listed=listed,
            episode=episode,
            title=title_of(episode),
            objectives=view_objectives(episode),
            skyline=skyline(episode, texts.origins, TURNS, top),
            turns=view_turns(episode, texts, shown),
            prompt=texts.prompt,
            spelled=texts.vocabulary is not None,
            followed=len(episode.turns) * episode.task.size if texts.vocabulary else 0,
            first=first,
            address=self.address(listed, chosen),
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
