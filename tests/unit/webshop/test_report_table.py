"""The shopping benchmark's table, with numbers worked out by hand."""

from __future__ import annotations

from mem1.evaluation.cells import Bootstrap, make_cell, measure
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey, Evaluation, Plan, PolicyInfo
from mem1.tasks.compose import make_task
from mem1.types import Composition, Episode, Score, StopReason
from mem1.webshop.report_table import shop_table
from tests.unit.webshop.shop.shops import goal
from tests.unit.webshop.shop.tasks import objective


def episode(name: str, rewards: tuple[float, ...], options: tuple[float | None, ...]) -> Episode:
    """A session in which a reward of 0 means that nothing was bought."""
    goals = [objective(f"{name}{i}", goal()) for i in range(len(rewards))]
    return Episode(
        id=name,
        group_id=name,
        task=make_task(goals, Composition.SEQUENTIAL, "test"),
        strategy="state",
        turns=(),
        answers=tuple("W00" if reward else None for reward in rewards),
        stop=StopReason.ANSWERED,
        seconds=2.0,
        reward=sum(rewards),
        score=Score(
            metrics={
                "success": tuple(float(reward == 1.0) for reward in rewards),
                "score": rewards,
                "r_type": tuple(float(reward > 0) for reward in rewards),
                "r_att": rewards,
                "r_option": options,
                "r_price": tuple(float(reward > 0) for reward in rewards),
            },
            answered=tuple(reward > 0 for reward in rewards),
            scorer="webshop: shelf; strict; 10 steps a goal",
        ),
    )


EPISODES = [episode("a", (1.0, 0.5), (1.0, None)), episode("b", (0.0, 0.0), (0.0, 0.0))]


def evaluation(*episodes: Episode) -> Evaluation:
    key = CellKey(Composition.SEQUENTIAL, 2)
    cell = make_cell("state", key, episodes, Bootstrap())
    plan = Plan(label="after", policy=PolicyInfo(model="m"), strategies=("state",), cells={}, seed=0, temperature=0,
                resamples=2000, confidence=0.95)  # fmt: skip
    return Evaluation(plan=plan, complete=True, cells=(cell,), comparisons=())


def test_measures_of_one_episode() -> None:
    found = measure(EPISODES[0])
    assert (found["score"], found["score_per_objective"]) == (1.5, 0.75)
    assert found["r_att_per_objective"] == 0.75
    assert found["r_option_per_objective"] == 1.0  # the second goal wanted none
    assert found["r_price_per_objective"] == 1.0
    assert (found["success"], found["success_per_objective"]) == (1.0, 0.5)
    assert Measure.EM not in found


def test_the_table() -> None:
    table = shop_table(evaluation(*EPISODES))
    assert table is not None
    (row,) = table.rows
    texts = [entry.text for entry in row]
    # Score (75 + 0) / 2; success 1 of 4 goals; bought 2 of 4; options (1 + 0) / 2 over tasks.
    assert texts[:9] == ["sequential 2", "state", "37.5", "25.0", "0.500", "0.500", "0.375", "0.500", "0.500"]
    assert texts[-2:] == ["2.00", "2"]
    assert "webshop: shelf; strict; 10 steps a goal" in table.note


def test_other_environments_have_no_such_table() -> None:
    plain = EPISODES[0].model_copy(
        update={"score": Score(metrics={"em": (1.0, 0.0), "f1": (1.0, 0.0)}, answered=(True, True), scorer="standard")}
    )
    assert shop_table(evaluation(plain)) is None
    assert "score" not in measure(plain)
