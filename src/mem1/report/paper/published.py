"""The published figures, read from the one file that holds them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import Field

from mem1.types import Record


class Paper(Record):
    """Where figures are printed."""

    name: str
    arxiv: str


class Figures(Record):
    """One system at one number of objectives: EM and F1 summed, peak in hundreds of tokens; ``None``: not printed."""

    em: float | None = None
    f1: float | None = None
    peak: float | None = None
    seconds: float | None = None


class PublishedRow(Record):
    """A system with its figures by the number of objectives; ``label`` is its name in a figure, where it has a line."""

    system: str
    source: str
    scorer: str
    label: str = ""
    at: dict[int, Figures]

    def kept(self, base: int) -> tuple[str, dict[int, float]]:
        """Which score, and that score an objective over the one at ``base``: F1, or EM where F1 has no second length.

        Empty where nothing is printed at ``base`` or beyond it.
        """
        for name, scores in (
            ("F1", {n: one.f1 for n, one in self.at.items()}),
            ("EM", {n: one.em for n, one in self.at.items()}),
        ):
            shares = {n: score / n for n, score in sorted(scores.items()) if score is not None and n >= base}
            if shares.get(base) and len(shares) > 1:
                return name, {n: share / shares[base] for n, share in shares.items()}
        return "", {}


class PublishedShop(Record):
    """A system on WebShop: reward in percent, peak in thousands of tokens, dependency in millions."""

    system: str
    source: str
    reward: float
    peak: float | None = None
    dependency: float | None = None
    seconds: float | None = None


class Published(Record):
    """Everything in ``published.toml``."""

    sources: dict[str, Paper]
    multi_objective: tuple[PublishedRow, ...]
    training: tuple[PublishedRow, ...]
    single_objective: tuple[PublishedRow, ...]
    webshop: tuple[PublishedShop, ...] = Field(min_length=1)

    def cite(self, source: str) -> str:
        """How a source is named in a table."""
        paper = self.sources[source]
        return f"published: {paper.name}, arXiv {paper.arxiv}"


@cache
def published() -> Published:
    """The figures. A damaged file is a bug and raises ``ValidationError``."""
    text = files("mem1.report.paper").joinpath("published.toml").read_text(encoding="utf-8")
    return Published.model_validate(tomllib.loads(text))
