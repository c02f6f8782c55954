"""How long a command would take, from what earlier runs recorded; nothing where none of them says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mem1.config import build
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Conditions, Evaluation
from mem1.event_loop import command_loop
from mem1.recipe import Recipe
from mem1.runtime.forecast.commands import told
from mem1.runtime.forecast.speeds import Speed, recorded
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from mem1.threads import cores
from tests.unit.report.synthetic import make_run
from tests.unit.runtime.forecast.test_commands import parts, recipe

CORES = cores()


def local(runs: Path, **changes: Any) -> Recipe:
    return build(Recipe, {"model": "builtin:tiny", "name": "x", "runs": str(runs)} | changes, where="test")


def evaluated(runs: Path, asked: Recipe, *starts: Conditions) -> Evaluation:
    """A made-up evaluation as the run of ``asked``; its episodes ran in ``starts``."""
    run = make_run(runs, trained=False, tasks=6)
    run.write_config(asked)
    whole = run.read_evaluation("warm_start", Evaluation).model_copy(update={"conditions": starts})
    run.write_evaluation("warm_start", whole)
    return whole


def start(episodes: int = 222, cores: int = CORES, seconds: float | None = 60.0) -> Conditions:
    return Conditions(episodes=episodes, concurrency=8, interleaved=True, cores=cores, load=1.5, seconds=seconds)


def steps(runs: Path, name: str, asked: Recipe, rows: list[dict[str, float]]) -> RunDir:
    run = RunDir.create(runs, name, asked)
    with MetricsWriter(run.metrics) as writer:
        for number, row in enumerate(rows, start=1):
            writer.write(number, row)
    return run


def test_the_wall_time_of_an_evaluation_is_shared_among_its_strategies_as_their_seconds_are(tmp_path: Path) -> None:
    asked = local(tmp_path)
    whole = evaluated(tmp_path, asked, start())
    speeds = recorded(asked).played
    assert set(speeds) == {"full", "window", "state"}

    def taken(strategy: str, measure: Measure) -> float:
        cells = [cell for cell in whole.cells if cell.strategy == strategy]
        return sum(cell.metrics[measure].mean * (cell.episodes - cell.failed) for cell in cells)

    assert sum(speeds[name].seconds * taken(name, Measure.TOKENS) for name in speeds) == pytest.approx(60)
    ratio = speeds["full"].seconds * taken("full", Measure.TOKENS) / 60
    assert ratio == pytest.approx(taken("full", Measure.SECONDS) / sum(taken(name, Measure.SECONDS) for name in speeds))
    assert str(speeds["state"]) == f"{tmp_path / 'synthetic'} (8 at a time, load 1.5 on {CORES} cores)"


@pytest.mark.parametrize(
    "starts", [(start(cores=CORES + 1),), (start(seconds=None),), (start(episodes=100),), ()],
    ids=["other machine", "not timed", "a start is missing", "of old"],
)  # fmt: skip
def test_an_evaluation_elsewhere_or_without_all_its_seconds_says_nothing(
    starts: tuple[Conditions, ...], tmp_path: Path
) -> None:
    asked = local(tmp_path)
    evaluated(tmp_path, asked, *starts)
    assert recorded(asked).played == {}


def test_only_runs_of_the_same_model_on_the_same_engine_speak(tmp_path: Path) -> None:
    evaluated(tmp_path, local(tmp_path), start())
    assert recorded(local(tmp_path, model="builtin:tiny-parallel")).played == {}
    assert recorded(local(tmp_path, engine={"type": "transformers", "device": "cuda"})).played == {}
    assert recorded(local(tmp_path, engine={"type": "transformers", "slots": 3})).played, "slots are not the machine"


def test_a_checkpoint_is_as_fast_as_the_model_that_its_run_began_with(tmp_path: Path) -> None:
    evaluated(tmp_path, local(tmp_path), start())
    checkpoint = tmp_path / "synthetic" / "checkpoints" / "step-000004" / "model"
    assert recorded(local(tmp_path, model=str(checkpoint))).played


def test_a_step_is_its_median_over_the_tokens_that_were_written_in_it(tmp_path: Path) -> None:
    asked = local(tmp_path)
    row = {"reward/mean": 0.5, "count/episodes": 4, "episode/sampled": 50.0}
    steps(tmp_path, "rl", asked, [row | {"seconds/step": s, "seconds/rollout": s / 2} for s in (90.0, 10.0, 12.0)])
    speeds = recorded(asked)
    assert speeds.trained == Speed(12 / 200, str(tmp_path / "rl"), "median of 3 steps")
    assert speeds.rolled == Speed(6 / 200, str(tmp_path / "rl"), "median of 3 steps")
    assert speeds.warmed is None


def test_a_warm_start_is_timed_by_its_demonstrations(tmp_path: Path) -> None:
    slow = local(tmp_path, warmstart={"episodes_per_step": 16})
    steps(tmp_path, "warm", slow, [{"warmstart/loss": 1.0, "seconds/step": 8.0}])
    asked = local(tmp_path, warmstart={"steps": 30, "episodes_per_step": 4, "evaluate_every": 0}, watch_tasks=0)
    with command_loop():
        found = told("warmstart", asked)
    assert found["parts"] == [
        {"part": "learning: 30 steps", "episodes": 0, "calls": 0, "tokens": 0, "calls at most": 0, "tokens at most": 0,
         "seconds": 30 * 4 * 0.5, "currency": None},
    ]  # fmt: skip
    assert (
        f"time: as fast as {tmp_path / 'warm'} (median of 1 steps); other programs beside it change that"
        in (found["notes"])
    )


def test_training_takes_what_its_usual_tokens_took_and_all_is_known_only_where_each_part_is(tmp_path: Path) -> None:
    asked = recipe(model="builtin:tiny", engine={"type": "transformers"}, runs=str(tmp_path))
    row = {"reward/mean": 0.5, "count/episodes": 4, "episode/sampled": 50.0, "seconds/step": 20.0}
    run = steps(tmp_path, "rl", asked, [row])
    with command_loop():
        training, watched, whole = told("train", asked)["parts"]
    written = parts("train", asked)["training: 5 steps"].usual.written
    assert training["seconds"] == pytest.approx(written * 20 / (4 * 50), abs=0.05)
    assert (watched["seconds"], whole["seconds"]) == (None, None), "no rollout was timed"
    with MetricsWriter(run.metrics) as writer:
        writer.write(2, row | {"seconds/rollout": 10.0})
    with command_loop():
        training, watched, whole = told("train", asked)["parts"]
    assert whole["seconds"] == pytest.approx(training["seconds"] + watched["seconds"], abs=0.11)


def test_where_nothing_is_known_no_time_is_given_and_why_is_said(tmp_path: Path) -> None:
    asked = recipe(runs=str(tmp_path / "none"))
    with command_loop():
        found = told("evaluate", asked)
    assert all(part["seconds"] is None for part in found["parts"])
    assert (
        f"time: not known, for no run below {tmp_path / 'none'} used this model on this engine and machine"
        in (found["notes"])
    )
