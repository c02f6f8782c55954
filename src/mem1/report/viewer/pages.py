"""The viewer's two pages: the list of a run's episodes with filters, and one episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mem1.errors import DataError
from mem1.evaluation.records import Evaluation, Transcript
from mem1.report.data import latest, unique
from mem1.report.episode_view import view_episode
from mem1.report.html import VIEWER_POLICY, render
from mem1.storage.episodes import EpisodeEntry, list_episodes, read_episode
from mem1.storage.run_dir import RunDir
from mem1.types import Record, StopReason

PAGE = 100
ORDERS: dict[str, Callable[[EpisodeEntry], float]] = {
    "": lambda entry: 0,
    "lowest EM": lambda entry: _known(entry.em_sum),
    "highest EM": lambda entry: _known(entry.em_sum, -1.0),
    "highest peak": lambda entry: -entry.peak_without_prompt,
    "most turns": lambda entry: -entry.turns,
}


class Filter(Record):
    """What the list shows. Empty text means all. ``score`` bounds EM per objective from above or below."""

    file: str = ""
    strategy: str = ""
    objectives: str = ""
    stop: str = ""
    score: str = ""
    order: str = ""
    page: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filter:
        """From the fields of a form. Raises ``DataError`` for a field that has no such value."""
        known = {name: value for name, value in query.items() if name in cls.model_fields}
        page = known.pop("page", "0")
        if not page.isdecimal() or len(page) > 9:
            raise DataError(f"no such page: {page!r}", where="page", mend="use the links of the list")
        chosen = cls(page=int(page), **known)
        for name, value, choices in (("order", chosen.order, ORDERS), ("score", chosen.score, SCORES)):
            if value not in choices:
                raise DataError(
                    f"no such {name}: {value!r}", where=name, mend=f"one of {', '.join(map(repr, choices))}"
                )
        return chosen

    def takes(self, entry: EpisodeEntry) -> bool:
        """Whether ``entry`` is to be shown."""
        return (
            self.strategy in ("", entry.strategy)
            and self.objectives in ("", str(entry.objectives))
            and self.stop in ("", entry.stop.value)
            and SCORES[self.score](entry)
        )

    def link(self, page: int) -> str:
        """The address of another page of the same list."""
        values = {name: value for name, value in self.model_dump().items() if value and name != "page"}
        return "/?" + urlencode(values | {"page": page})


SCORES: dict[str, Callable[[EpisodeEntry], bool]] = {
    "": lambda entry: True,
    "all right": lambda entry: entry.em_sum is not None and entry.em_sum >= entry.objectives,
    "some wrong": lambda entry: entry.em_sum is not None and entry.em_sum < entry.objectives,
    "none right": lambda entry: entry.em_sum == 0,
    "not scored": lambda entry: entry.em_sum is None,
}


@dataclass
class Viewer:
    """Renders the pages of one run; reads the disk anew each time, so a running training can be watched."""

    run: RunDir
    transcripts: dict[str, tuple[float, dict[str, Transcript]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.path.resolve().name

    def index(self, query: Mapping[str, str]) -> str:
        """The list. Raises ``DataError`` for a bad query."""
        chosen = Filter.read(query)
        files = self.run.episode_files()
        if chosen.file and chosen.file not in files:
            raise DataError(f"no such episode file: {chosen.file!r}", where="file", mend="choose one of the list")
        listed = [
            (name, entry)
            for name, path in files.items()
            if chosen.file in ("", name)
            for entry in latest(list_episodes(path))
        ]
        found = sorted(
            (pair for pair in listed if chosen.takes(pair[1])), key=lambda pair: ORDERS[chosen.order](pair[1])
        )
        page = min(chosen.page, max(0, (len(found) - 1) // PAGE))
        choices = {
            "file": tuple(files),
            "strategy": unique(entry.strategy for _, entry in listed),
            "objectives": tuple(str(n) for n in sorted({entry.objectives for _, entry in listed})),
            "score": tuple(SCORES)[1:],
            "stop": tuple(reason.value for reason in StopReason),
            "order": tuple(ORDERS)[1:],
        }
        return render(
            "viewer_index.html",
            policy=VIEWER_POLICY,
            run=self.name,
            chosen=chosen,
            choices=choices,
            rows=[(name, entry, _address(name, entry.id)) for name, entry in found[page * PAGE : (page + 1) * PAGE]],
            total=len(found),
            first=page * PAGE,
            before=chosen.link(page - 1) if page else None,
            after=chosen.link(page + 1) if (page + 1) * PAGE < len(found) else None,
        )

    def episode(self, query: Mapping[str, str]) -> str:
        """One episode, every turn. Raises ``DataError`` if there is none."""
        file, id = query.get("file", ""), query.get("id", "")
        path = self.run.episode_files().get(file)
        entries = latest(list_episodes(path)) if path is not None else []
        at = next((k for k, entry in enumerate(entries) if entry.id == id), None)
        if path is None or at is None:
            raise DataError(f"no such episode: {id!r} in {file!r}", where="address", mend="choose one from the list")
        view = view_episode(read_episode(path, entries[at]), self._transcript(file, id))
        return render(
            "viewer_episode.html",
            policy=VIEWER_POLICY,
            run=self.name,
            file=file,
            view=view,
            before=_address(file, entries[at - 1].id) if at else None,
            after=_address(file, entries[at + 1].id) if at + 1 < len(entries) else None,
        )

    def failure(self, message: str) -> str:
        """A page that says what is wrong."""
        return render("viewer_failure.html", policy=VIEWER_POLICY, run=self.name, message=message)

    def _transcript(self, label: str, id: str) -> Transcript | None:
        """The contexts kept by the evaluation of the same name; read once per version of its file."""
        if label not in self.run.evaluations():
            return None
        changed = self.run.evaluation(label).stat().st_mtime
        if label not in self.transcripts or self.transcripts[label][0] != changed:
            kept = self.run.read_evaluation(label, Evaluation).transcripts
            self.transcripts[label] = changed, {one.episode_id: one for one in kept}
        return self.transcripts[label][1].get(id)


def _known(value: float | None, sign: float = 1.0) -> float:
    """A sorting key that puts what is not scored last."""
    return float("inf") if value is None else sign * value


def _address(file: str, id: str) -> str:
    return "/episode?" + urlencode({"file": file, "id": id})
