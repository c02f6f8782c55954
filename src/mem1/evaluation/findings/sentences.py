"""What a reader must know before any figure: in words, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mem1.evaluation.findings.failures import merged
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import FEWEST_FOR_VERDICT, Cell, Evaluation

# From these on scores say nothing about memory: the policy does not speak the format, or does not answer.
MOSTLY_MALFORMED = 0.9
HARDLY_ANSWERED = 0.05
# From this share of what the scripted expert reaches on, a task of several objectives says nothing about memory either.
NEEDS_NO_MEMORY = 0.9
_CAUSES = 5  # that are told


def findings(evaluation: Evaluation, resume: str | None = None) -> tuple[str, ...]:
    """Failures with their causes, then what makes scores meaningless, then what intervals do not say.

    ``resume`` is the command that runs what failed or is missing.
    """
    return (
        *_failed(evaluation, resume),
        *_expert_failed(evaluation),
        *_missing(evaluation, resume),
        *_of_strategies(evaluation, _cut),
        *_of_strategies(evaluation, _malformed),
        *_of_strategies(evaluation, _unanswered),
        *_of_strategies(evaluation, _unscored),
        *_needing_no_memory(evaluation),
        *_repeats(evaluation),
        *_few(evaluation),
    )


def _failed(evaluation: Evaluation, resume: str | None) -> Iterator[str]:
    if not evaluation.failed:
        return
    total = sum(cell.episodes for cell in evaluation.cells)
    by_strategy = {
        name: sum(cell.failed for cell in evaluation.cells if cell.strategy == name)
        for name in evaluation.plan.strategies
    }
    where = ", ".join(f"{name} {count}" for name, count in by_strategy.items() if count)
    causes = merged(failure for cell in evaluation.cells for failure in cell.failures)
    told = [f"{one.count} x {one.type}" + (f": {one.message}" if one.message else "") for one in causes[:_CAUSES]]
    if len(causes) > _CAUSES:
        told.append(f"{sum(one.count for one in causes[_CAUSES:])} for {len(causes) - _CAUSES} other causes")
    if not causes:  # evaluations of old kept the types alone
        types: dict[str, int] = {}
        for cell in evaluation.cells:
            for name, count in cell.errors.items():
                types[name] = types.get(name, 0) + count
        told = [f"{count} x {name}" for name, count in types.items()]
    text = (
        f"{evaluation.failed} of {total} episodes failed ({where}): {'; '.join(told)}. They are in no score and no cost"
    )
    text += ", and strategies are compared only on tasks that both finished."
    yield text + (f" Run them anew: {resume}" if resume else "")


def _expert_failed(evaluation: Evaluation) -> Iterator[str]:
    failed = [one for one in evaluation.ceiling if one.failures]
    if not failed:
        return
    where = ", ".join(f"{one.memory} at {one.key.name} {one.failed} of {one.n + one.failed}" for one in failed)
    first = merged(failure for one in failed for failure in one.failures)[0]
    told = f"{first.type}: {first.message}" if first.message else first.type
    yield f"The scripted expert failed too ({where}), mostly with {told}. What it reached rests on its other episodes."


def _needing_no_memory(evaluation: Evaluation) -> Iterator[str]:
    found = {
        one.key.name: f"{one.key.name} {one.floor:.2f} of {one.per_objective:.2f}"
        for one in evaluation.ceiling
        if one.objectives > 1 and one.floor is not None and one.per_objective
        if one.floor >= NEEDS_NO_MEMORY * one.per_objective
    }
    if found:
        yield (
            f"Tasks in which little has to be remembered ({', '.join(found.values())} an objective): so much of what "
            "the scripted expert reaches is left with nothing kept from question to question. Scores that hold there "
            "with more objectives say that turns can go on, not that anything is remembered."
        )


def _missing(evaluation: Evaluation, resume: str | None) -> Iterator[str]:
    wanted = len(evaluation.plan.cells) * len(evaluation.plan.strategies)
    if evaluation.complete or not wanted:
        return
    text = f"The evaluation is not complete: {len(evaluation.cells)} of {wanted} cells are finished."
    yield text + (f" Go on with it: {resume}" if resume else "")


def _cut(cells: list[Cell]) -> str | None:
    count = sum(cell.cut_prompts for cell in cells)
    if not count:
        return None
    return (
        f"in {count} call{'s' if count > 1 else ''} the server counted far fewer prompt tokens than were sent: it may "
        "have cut the context without a word, so that what the policy saw is not what is recorded."
    )


def _malformed(cells: list[Cell]) -> str | None:
    share = _mean(cells, Measure.MALFORMED)
    if share is None or share < MOSTLY_MALFORMED:
        return None
    return (
        f"{_percent(share)} of turns held no readable action: the policy does not write the format that is asked for. "
        "Its scores and costs say nothing about memory."
    )


def _unanswered(cells: list[Cell]) -> str | None:
    share = _mean(cells, Measure.ANSWER_RATE)
    if share is None or share > HARDLY_ANSWERED:
        return None
    if share == 0:
        return (
            "Not one objective got an answer: scores of 0 say that nothing was answered, not that answers were wrong."
        )
    return f"Only {_percent(share)} of objectives got an answer: scores near 0 say little about the answers."


def _unscored(cells: list[Cell]) -> str | None:
    count, total = sum(cell.unscored for cell in cells), sum(cell.episodes for cell in cells)
    return f"{count} of {total} episodes could not be scored and are in no score." if count else None


def _of_strategies(evaluation: Evaluation, say: Callable[[list[Cell]], str | None]) -> Iterator[str]:
    """What is to be said of each strategy; once for all where it is the same, and with the tasks it holds for."""
    of: dict[str, list[Cell]] = {}
    for cell in evaluation.cells:
        of.setdefault(cell.strategy, []).append(cell)
    told: dict[str, list[str]] = {}
    for name, cells in of.items():
        text = say(cells)
        if text is not None:
            told.setdefault(text, []).append(name)
            continue
        for cell in cells:  # not overall, but somewhere
            text = say([cell])
            if text is not None:
                told.setdefault(text, []).append(f"{name} at {cell.key.name}")
    for text, names in told.items():
        everyone = len(of) > 1 and names == list(of)
        yield f"{'All strategies' if everyone else ', '.join(names)}: {text}"


def _repeats(evaluation: Evaluation) -> Iterator[str]:
    found = {cell.key.name: cell for cell in evaluation.cells if cell.alike}
    if found:
        told = ", ".join(f"{name} {cell.contents} of {len(cell.tasks)}" for name, cell in found.items())
        yield (f"Tasks repeat; so many differ: {told}. Repeats are averaged and count once, in n and in intervals.")


def _few(evaluation: Evaluation) -> Iterator[str]:
    sizes = {cell.key.name: cell.contents for cell in evaluation.cells}
    few = {name: n for name, n in sizes.items() if n < FEWEST_FOR_VERDICT}
    if few:
        told = ", ".join(f"{name} {n}" for name, n in few.items())
        yield (
            f"Too few tasks to tell strategies apart ({told}): below {FEWEST_FOR_VERDICT} nothing is bold or starred."
        )


def _mean(cells: Iterable[Cell], measure: str) -> float | None:
    known = [value for cell in cells for value in cell.known(measure)]
    return sum(known) / len(known) if known else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{100 * share:.1f} %"
