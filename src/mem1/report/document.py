"""The report's content, in reading order, before it becomes HTML, Markdown or JSON."""

from __future__ import annotations

from dataclasses import dataclass

from mem1.evaluation.measures import PER_OBJECTIVE, spec_of
from mem1.evaluation.records import Evaluation
from mem1.registry import functions
from mem1.registry.parts import TABLES
from mem1.report.beside.charts import beside_charts
from mem1.report.beside.table import taught_table
from mem1.report.ceiling import ceiling_table
from mem1.report.conditions import report_findings
from mem1.report.data import RunData, compositions, sample_episodes
from mem1.report.episode_view import EpisodeView, view_episode
from mem1.report.figures.over_time import longest, memory_charts, scores_over_steps, session_memory
from mem1.report.figures.plots import (
    MEMORY,
    WORK,
    Look,
    frontier,
    learning_curves,
    over_horizons,
    quality_looks,
    session_charts,
)
from mem1.report.figures.scatter import costly, quality_against
from mem1.report.figures.svg import Chart
from mem1.report.remembering import remembering_table
from mem1.report.summary import Fact, facts
from mem1.report.tables import (
    Table,
    before_and_after,
    endings,
    side_by_side,
    strategy_differences,
    views_table,
)
from mem1.report.verdict import verdict_table
from mem1.types import Composition

# A page is read, not archived: the viewer shows all turns of all episodes.
MAX_TURNS = 12


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a line on what follows, and its figures and tables. ``folded`` tables open on demand."""

    id: str
    title: str
    lead: str
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    name: str
    subtitle: str
    findings: tuple[str, ...]
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    episodes: tuple[EpisodeView, ...]
    versions: dict[str, str | None]
    damage: tuple[str, ...] = ()


def make_document(data: RunData) -> Document:
    """Lay out what ``data`` holds; parts without data are left out."""
    episodes = tuple(
        view_episode(episode, data.transcripts.get(episode.id), max_turns=MAX_TURNS)
        for episode in sample_episodes(data)
    )
    return Document(
        name=data.name,
        subtitle=_subtitle(data),
        findings=report_findings(data),
        facts=tuple(facts(data)),
        sections=(*result_sections(data), *learning_sections(data)),
        episodes=episodes,
        versions=data.versions,
        damage=data.damage,
    )


def result_sections(data: RunData) -> list[Section]:
    """What was evaluated: the tables, the horizons of each composition, the long session."""
    if data.last is None:
        return []
    sections = [_results(data, data.last), *_beside(data)]
    sections += [_composition(data, data.last, one) for one in compositions(data.last)]
    session = [*session_charts(data, data.last), *session_memory(data, data.last)]
    if session:
        lead = "Objectives come one after another; the prompt does not grow with their number."
        sections.append(Section("session", "One long session", lead, tuple(session)))
    return sections


def learning_sections(data: RunData) -> list[Section]:
    """What training did: its metrics over steps, and how exact its views are."""
    sections = []
    if data.metrics:
        steps = max(row["step"] for row in data.metrics)
        lead = f"{steps} steps. Raw values; nothing is left out."
        sections.append(Section("learning", "Learning", lead, tuple(learning_curves(data))))
    exactness = views_table(data.views)
    if exactness:
        lead = "A rewritten context is trained on exactly as the policy saw it, or it is not the same problem."
        sections.append(Section("exactness", "Exactness", lead, tables=(exactness,)))
    return sections


def _results(data: RunData, last: Evaluation) -> Section:
    main, others = data.main_strategy, [name for name in data.strategies if name != data.main_strategy]
    change = before_and_after(data, [main], "Before and after training")
    rest = before_and_after(data, others, "Before and after training: other strategies")
    own, verdict = [table(last) for table in functions(TABLES)], verdict_table(last)
    allowed, kept = ceiling_table(last), remembering_table(last)
    tables = (*(table for table in (*own, change, verdict, allowed, kept) if table is not None), side_by_side(last))
    folded = [side_by_side(last, all_measures=True), endings(last)]
    folded += [table for table in (strategy_differences(last), rest) if table is not None]
    folded += [side_by_side(one) for one in data.evaluations[:-1]]
    lead = "Every strategy runs the same tasks with the same policy, budgets and seeds."
    return Section("results", "Results", lead, tables=tables, folded=tuple(folded))


def _beside(data: RunData) -> list[Section]:
    table = taught_table(data)
    if table is None:
        return []
    lead = (
        "Other memories, each with a policy that was taught for it. Those figures are recorded: the weights are not "
        "shipped and nothing of them ran here. Published systems are as printed: other models, data and training."
    )
    return [Section("beside", "Beside other memories", lead, tuple(beside_charts(data)), tables=(table,))]


def _composition(data: RunData, last: Evaluation, composition: Composition) -> Section:
    def draw(looks: tuple[Look, ...]) -> list[Chart]:
        return [chart for look in looks if (chart := over_horizons(data, last, composition, look))]

    edges = [frontier(data, last, composition, look) for look in quality_looks(last)[:2]]
    charts = [*draw(tuple(quality_looks(last))), *draw(MEMORY), *(edge for edge in edges if edge), *draw(WORK)]
    for key in longest(last):
        if key.composition == composition:
            charts += memory_charts(data, last, key)
    over_steps = scores_over_steps(data, composition)
    charts = [*([over_steps] if over_steps else []), *charts, *_prices(last, composition)]
    lead = {
        Composition.PARALLEL: "All questions stand in the prompt; one answer is due at the end.",
        Composition.SEQUENTIAL: "The next question is shown once the one before is answered.",
        Composition.CHAINED: "Each question needs the answer to the one before.",
        Composition.MIXED: "Objectives of different sources in one task.",
        Composition.DELAYED: "Each question also asks for an answer that was given some questions earlier.",
    }[composition]
    return Section(str(composition), f"Over the horizon: {composition}", lead, tuple(charts))


def _prices(last: Evaluation, composition: Composition) -> list[Chart]:
    """Quality against what it costs; the peak has its own figure with lines."""
    cells = [cell for cell in last.cells if cell.composition == composition and not cell.session]
    marks = [costly(cell.strategy, cell.objectives, dict(cell.metrics), cell.scored) for cell in cells]
    if not last.scored:
        return []
    currency = last.plan.prices.currency if last.plan.prices else None
    label = spec_of(f"{last.scored[0]}{PER_OBJECTIVE}").label
    return quality_against([one for one in marks if one], label, f"{composition}-", currency)


def _subtitle(data: RunData) -> str:
    parts = []
    if data.last is not None:
        policy = data.last.policy
        parts.append(policy.model if policy.checkpoint is None else f"{policy.model}, {policy.checkpoint}")
        parts.append(f"policy version {policy.version}")
    if data.evaluations:
        parts.append("evaluations: " + ", ".join(one.label for one in data.evaluations))
    if data.metrics:
        parts.append(f"{max(row['step'] for row in data.metrics)} training steps")
    return " · ".join(parts) or "nothing evaluated or trained yet"
