"""What is said in words before any figure."""

from __future__ import annotations

from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.findings import findings
from mem1.evaluation.records import Cell, CellKey, Evaluation, Plan, PolicyInfo
from mem1.evaluation.verdict import verdicts
from mem1.types import Composition, Episode, EpisodeError, Malformed, StopReason, Usage
from tests.unit.evaluation.examples import episode, task, turn

KEY = CellKey(Composition.PARALLEL, 2)


def one(id: str, *, error: str | None = None, malformed: bool = False, answered: bool = True) -> Episode:
    action = Malformed(reason="no tag") if malformed else None
    made = episode(
        (turn(0, (1, 2), (9, 9), action=action),),
        of=task(id=id),
        em=(1.0 if answered else 0.0, 0.0),
        answered=(answered, answered),
        stop=StopReason.ERROR if error else StopReason.ANSWERED,
    )
    return made.model_copy(update={"error": EpisodeError(type="BackendError", message=error)}) if error else made


def evaluation(*cells: Cell, complete: bool = True) -> Evaluation:
    plan = Plan(
        label="evaluation",
        policy=PolicyInfo(model="m"),
        strategies=tuple(dict.fromkeys(cell.strategy for cell in cells)),
        cells={cell.key.name: cell.tasks for cell in cells},
        seed=0,
        temperature=0,
        resamples=100,
        confidence=0.95,
    )
    some = Bootstrap(resamples=100)
    return Evaluation(
        plan=plan,
        complete=complete,
        cells=cells,
        comparisons=compare_strategies(cells, some),
        verdicts=verdicts(cells, "full", some),
    )


def cell(strategy: str, episodes: list[Episode], names: list[str] | None = None) -> Cell:
    return make_cell(strategy, KEY, episodes, Bootstrap(resamples=100), names=names)


GOOD = cell("full", [one(f"t{k}") for k in range(8)])


def test_nothing_is_said_where_nothing_is_amiss() -> None:
    assert findings(evaluation(GOOD, cell("state", [one(f"t{k}") for k in range(8)]))) == ()


def test_failures_are_counted_with_their_causes_and_the_command_that_mends_them() -> None:
    errors = ["gone after 3.5 s on port 8001", "gone after 12 s on port 8002", None, None, "no such index", *[None] * 3]
    (text,) = findings(
        evaluation(GOOD, cell("state", [one(f"t{k}", error=e) for k, e in enumerate(errors)])), "mem1 go"
    )
    assert text.startswith(
        "3 of 16 episodes failed (state 3): 2 x BackendError: gone after 3.5 s on port 8001; "
        "1 x BackendError: no such index."
    )
    assert text.endswith("Run them anew: mem1 go")


def test_many_causes_are_told_in_part() -> None:
    errors = [f"cause {'abcdefgh'[k]}" for k in range(8)]
    (text,) = findings(evaluation(GOOD, cell("state", [one(f"t{k}", error=e) for k, e in enumerate(errors)])))
    assert "cause e; 3 for 3 other causes." in text


def test_a_failed_evaluation_of_old_tells_the_kinds() -> None:
    found = cell("state", [one(f"t{k}", error="gone" if k == 1 else None) for k in range(8)])
    (text,) = findings(evaluation(GOOD, found.model_copy(update={"failures": ()})))
    assert "(state 1): 1 x BackendError." in text


def test_a_policy_that_does_not_write_the_format_is_called_that() -> None:
    bad = cell("state", [one(f"t{k}", malformed=k > 0) for k in range(20)])
    (text,) = findings(evaluation(cell("full", [one(f"t{k}") for k in range(20)]), bad))
    assert text.startswith("state: 95 % of turns held no readable action")


def test_what_holds_for_all_strategies_is_said_once_and_the_format_comes_first() -> None:
    mute = [cell(name, [one(f"t{k}", malformed=True, answered=False) for k in range(8)]) for name in ("full", "state")]
    first, second = findings(evaluation(*mute))
    assert first.startswith("All strategies: 100 % of turns held no readable action")
    assert second.startswith("All strategies: Not one objective got an answer")


def test_failures_come_before_all_else() -> None:
    mute = cell("state", [one(f"t{k}", error="gone" if k else None, answered=False) for k in range(8)])
    first, *_ = findings(evaluation(GOOD, mute))
    assert first.startswith("7 of 16 episodes failed")


def test_one_mute_horizon_is_named() -> None:
    long = CellKey(Composition.PARALLEL, 8)
    mute = [one(f"t{k}", answered=False) for k in range(8)]
    cells = (GOOD, make_cell("full", long, mute, Bootstrap(resamples=100)))
    (text,) = findings(evaluation(*cells))
    assert text.startswith("full at parallel-8: Not one objective got an answer")


def test_repeats_and_few_tasks_are_said() -> None:
    repeated = cell("state", [one("t0"), one("t0"), one("t1")], ["t0", "t0~2", "t1"])
    repeats, few = findings(evaluation(repeated))
    assert "parallel-2 2 of 3" in repeats
    assert "(parallel-2 2): below 6" in few


def test_an_evaluation_with_cells_missing_says_how_many() -> None:
    found = evaluation(GOOD, cell("state", [one(f"t{k}") for k in range(8)]), complete=False)
    (text,) = findings(found.model_copy(update={"cells": (GOOD,)}), "mem1 go")
    assert text == "The evaluation is not complete: 1 of 2 cells are finished. Go on with it: mem1 go"


def test_contexts_that_a_server_seems_to_cut_are_told() -> None:
    def counted(id: str, cut: int) -> Episode:
        made = one(id)
        usage = Usage(calls=1, prompt_tokens=5, cached_tokens=0, completion_tokens=2, seconds=0, cut_prompts=cut)
        return made.model_copy(update={"turns": (made.turns[0].model_copy(update={"usage": usage}),)})

    episodes = [counted(f"t{k}", k % 2) for k in range(8)]
    (text,) = findings(evaluation(GOOD, cell("state", episodes)))
    assert text.startswith("state: in 4 calls the server counted far fewer prompt tokens than were sent")
    assert findings(evaluation(GOOD, cell("state", [counted(f"t{k}", 0) for k in range(8)]))) == ()
