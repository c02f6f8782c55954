"""What the scripted expert reached on the same tasks under the same strategies: what turns and budgets allow."""

from __future__ import annotations

from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import Ceiling, Cell, Evaluation
from mem1.report.numbers import number
from mem1.report.tables import Column, Entry, Table, entry_of, keys_of, tasks_of


def ceiling_table(evaluation: Evaluation) -> Table | None:
    """A line for each cell that the expert played; ``None`` where it played none."""
    pairs = [
        (cell, expert)
        for key in keys_of(evaluation)
        for cell in evaluation.cells
        if cell.key == key and (expert := evaluation.expert(cell)) is not None
    ]
    if not pairs:
        return None
    return Table(
        title="What the tasks allow: the scripted expert",
        note="The main score an objective, the policy's and the scripted expert's, which plays the same tasks under "
        "the same strategy and copies without mistakes: what it does not reach corpus, turns or budgets do not allow. "
        "The floor is what is left of its score if nothing had been kept: answers that the newest observation showed "
        "when they were due. Only what lies between the two says anything of memory. Behind it the expert's turns, "
        "its longest page and action, its largest context beside the prompt, and the most that the strategy lets a "
        "call of these tasks take.",
        columns=(
            Column("Tasks", numeric=False),
            Column("Strategy", numeric=False),
            Column("Policy"),
            Column("Expert", meaning="what the scripted expert reaches"),
            Column("Floor", meaning="what the expert would reach with nothing kept between turns"),
            Column("Share", meaning="the policy's score over the expert's"),
            Column("Turns"),
            Column("Longest page", "tokens"),
            Column("Longest action", "tokens"),
            Column("Peak", "tokens", meaning=spec_of(Measure.PEAK_WITHOUT_PROMPT).meaning),
            Column("Bound", "tokens"),
            Column("n", "episodes", meaning="the expert's, those that failed left out"),
        ),
        rows=tuple(_row(cell, expert) for cell, expert in pairs),
    )


def _row(cell: Cell, expert: Ceiling) -> tuple[Entry, ...]:
    main = f"{cell.scored[0]}{PER_OBJECTIVE}" if cell.scored else ""
    own = cell.metrics.get(main)
    best = expert.per_objective
    known = expert.n > 0
    return (
        Entry(tasks_of(cell.key)),
        Entry(cell.strategy),
        entry_of(cell, main),
        Entry("–" if best is None else number(best, 3)),
        Entry("–" if expert.floor is None else number(expert.floor, 3)),
        Entry(number(own.mean / best, 2) if own is not None and best else "–"),
        Entry(number(expert.turns, 1) if known else "–"),
        Entry(str(expert.longest_page) if known else "–"),
        Entry(str(expert.longest_action) if known else "–"),
        Entry(number(expert.peak_without_prompt, 0) if known else "–"),
        Entry("–" if expert.bound is None else str(expert.bound)),
        Entry(str(expert.n)),
    )
