"""The pages of many runs: their list, and some of them side by side. Each run has its own pages below ``/r/NAME``."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import quote, urlencode

from mem1.errors import DataError
from mem1.report.html import environment
from mem1.report.listing.index import RunsIndex, stamp_of
from mem1.report.listing.summary import RunSummary, Status, place
from mem1.report.viewer.pages import Viewer
from mem1.report.viewer.run_pages import RunPages, pulse_of
from mem1.report.viewer.side_by_side import MOST, comparison_of
from mem1.storage.run_dir import RunDir
from mem1.types import Record

_OPEN = 24  # runs whose episodes are kept at hand
_PAGE = 200  # runs
_ORDERS = ("changed", "name", "score", "horizon", "steps", "seconds", "episodes")


class RunFilter(Record):
    """Which runs, in which order: ``q`` is words in their names, recipes and models."""

    q: str = ""
    status: str = ""
    model: str = ""
    settings: str = ""
    order: str = ""
    page: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> RunFilter:
        """From an address. Raises ``DataError`` for a value that the field cannot have."""
        known = {name: value.strip() for name, value in query.items() if name in cls.model_fields}
        page = known.pop("page", "0")
        if not page.isdecimal() or len(page) > 6:
            raise DataError(f"no such page: {page!r}", where="page", hint="use the links of the list")
        chosen = cls(page=int(page), **known)
        for name, value, allowed in (("status", chosen.status, tuple(Status)), ("order", chosen.order, _ORDERS)):
            if value and value not in allowed:
                raise DataError(f"no such {name}: {value!r}", where=name, hint=f"one of {', '.join(allowed)}")
        return chosen

    def of(self, runs: Sequence[RunSummary]) -> list[RunSummary]:
        """Those of ``runs`` that fit, in order."""
        words = self.q.casefold().split()
        found = [
            one
            for one in runs
            if all(word in f"{one.name}\n{one.recipe}\n{one.model}".casefold() for word in words)
            and (not self.status or one.status == self.status)
            and (not self.model or one.model == self.model)
            and (not self.settings or one.settings == self.settings)
        ]
        return sorted(found, key=lambda one: place(one, self.order)) if self.order else found

    def query(self, **changes: object) -> str:
        """This filter, with some fields changed, as the query of an address."""
        values = self.model_dump() | {"page": 0} | changes
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True)
class Opened:
    """One run's pages."""

    viewer: Viewer
    pages: RunPages


class Library:
    """Renders the pages of the runs below ``folder``. A run is opened when its first page is asked for."""

    def __init__(self, folder: Path) -> None:
        self.index = RunsIndex(folder)
        self.name = folder.resolve().name
        self._lock = Lock()
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._compared: tuple[object, str] | None = None  # the last comparison, as long as its runs are the same

    def runs(self, query: Mapping[str, str]) -> str:
        """The list. Raises ``DataError`` for a bad query."""
        chosen = RunFilter.read(query)
        every = self.index.runs()
        found = chosen.of(every)
        page = min(chosen.page, max(0, len(found) - 1) // _PAGE)
        alike = Counter(one.settings for one in every if one.settings)
        return self._render(
            "viewer_runs.html",
            chosen=chosen,
            total=len(found),
            size=len(every),
            rows=[(one, address(one.name), alike[one.settings or ""]) for one in found[page * _PAGE :][:_PAGE]],
            statuses=tuple(Status),
            models=sorted({one.model for one in every if one.model}),
            orders=_ORDERS,
            first=page * _PAGE,
            before="/?" + chosen.query(page=page - 1) if page else None,
            after="/?" + chosen.query(page=page + 1) if (page + 1) * _PAGE < len(found) else None,
            pulse=pulse_of(self.index.stamp),
            folder=str(self.index.folder),
            most=MOST,
        )

    def compare(self, query: Sequence[tuple[str, str]]) -> str:
        """The runs named by ``run`` side by side. Raises ``DataError`` for fewer than two, or one that is not there."""
        wanted = list(dict.fromkeys(value for name, value in query if name == "run"))
        if not 2 <= len(wanted) <= MOST:
            raise DataError(
                f"{len(wanted)} runs to compare", where="address", hint=f"mark 2 to {MOST} runs in the list"
            )
        by_name = {one.name: one for one in self.index.runs()}
        missing = [name for name in wanted if name not in by_name]
        if missing:
            raise DataError(f"no such run: {missing[0]!r}", where="address", hint="choose some from the list")
        chosen = [by_name[name] for name in wanted]
        paths = [self.index.path(one.name) for one in chosen]
        stamp = tuple(stamp_of(path) if path else () for path in paths), tuple(chosen)
        if self._compared is None or self._compared[0] != stamp:
            page = self._render(
                "viewer_runs_compare.html",
                rows=[(one, address(one.name), _less(wanted, one.name)) for one in chosen],
                found=comparison_of(chosen, paths),
            )
            self._compared = stamp, page
        return self._compared[1]

    def pulse(self) -> str:
        """A text that changes when a run does."""
        self.index.runs()
        return pulse_of(self.index.stamp)

    def open(self, name: str) -> Opened:
        """A run's pages. Raises ``DataError`` where none is listed under this name, ``StorageError`` for damage."""
        path = self.index.path(name)
        if path is None:  # begun since the list was made, or never there
            self.index.runs()
            path = self.index.path(name)
        if path is None:
            raise DataError(f"no such run: {name!r}", where="address", hint="choose one from the list")
        with self._lock:
            if name in self._opened:
                self._opened.move_to_end(name)
                return self._opened[name]
        run = RunDir.open(path)
        viewer = Viewer(run, name, address(name).removesuffix("/"), lambda other: self.open(other).viewer)
        opened = Opened(viewer, RunPages(viewer))
        with self._lock:
            self._opened[name] = opened
            while len(self._opened) > _OPEN:
                self._opened.popitem(last=False)  # its database goes when the last page being drawn of it is done
        return opened

    def close(self) -> None:
        """Delete what was made to read the runs."""
        with self._lock:
            for one in self._opened.values():
                one.viewer.catalogue.close()
            self._opened.clear()

    def failure(self, message: str) -> str:
        """A page that says what is wrong."""
        return self._render("viewer_failure.html", message=message)

    def _render(self, template: str, **values: object) -> str:
        made = environment().get_template(template)
        return made.render(run=self.name, base="", home=None, **values)


def address(name: str) -> str:
    """Where a run's episodes are listed."""
    return f"/r/{quote(name)}/"


def _less(names: Sequence[str], name: str) -> str | None:
    """The comparison without one of its runs; ``None`` where two are left."""
    rest = [one for one in names if one != name]
    return "/runs?" + urlencode([("run", one) for one in rest]) if len(rest) > 1 else None
