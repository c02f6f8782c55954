"""What a recipe's objects say when something they need is not there, and what a demonstration's clock counts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.commands import _clock, evaluate, evaluate_checkpoints
from mem1.config import Config, build
from mem1.errors import ConfigError
from mem1.evaluation.records import Ceiling, Evaluation, Failure
from mem1.inference.folders import find_folder
from mem1.recipe import Recipe
from mem1.runtime import ceiling
from mem1.runtime.world import build_retriever, build_sources
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir


def test_questions_without_passages_name_the_key_that_is_missing(tmp_path: Path) -> None:
    questions = tmp_path / "dev.jsonl"
    questions.write_text('{"id": "1", "question": "Capital of Peru?", "golden_answers": ["Lima"]}\n')
    recipe = build(Recipe, {"source": {"type": "qa_files", "name": "q", "dev": str(questions)}}, where="test")
    with pytest.raises(ConfigError, match="a source of type qa_files brings no passages") as raised:
        build_retriever(recipe, build_sources(recipe))
    assert raised.value.where == "retriever.corpus"


def test_a_new_model_cannot_be_adapted() -> None:
    with pytest.raises(ConfigError, match="lora adapts a model that was trained before"):
        build(Recipe, {"model": "new:tiny", "lora": {"r": 4}}, where="test")


def test_the_clock_goes_on_where_an_interruption_left_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def interrupted() -> None:
        with _clock(run):
            now[0] += 7
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_json(run.clock) == {"seconds": 7.0}
    now[0] = 5.0
    with _clock(run) as seconds:
        now[0] += 3
        assert seconds() == 10.0
    assert read_json(run.clock) == {"seconds": 10.0}


def test_horizons_that_the_environment_refuses_are_refused_before_a_run_begins(tmp_path: Path) -> None:
    recipe = tmp_path / "shop.toml"
    recipe.write_text(
        'model = "builtin:webshop-tiny"\nreward = "score"\n[source]\ntype = "webshop"\nprotocol = "mem1"\n'
        '[env]\ntype = "webshop"\nprotocol = "mem1"\nprompt = "brief"\n[tasks]\nobjectives = 1\n'
        'composition = "sequential"\n[evaluate]\nstrategies = ["state"]\ncompositions = ["sequential"]\n'
        "horizons = [1, 2]\ntasks = 1\nfewest_tasks = 1\nsession_objectives = 0\n"
    )
    with pytest.raises(ConfigError, match="one goal an episode, not 2"):
        evaluate(recipe, [], run=tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()


ONE = {"strategies": ["state"], "baseline": "state", "horizons": [1], "tasks": 1, "session_objectives": 0}


def two_checkpoints(folder: Path) -> RunDir:
    """A run of the shipped policy with two checkpoints of it."""
    config = {"model": "builtin:tiny", "env": {"prompt": "brief", "top_k": 2}, "evaluate": ONE}
    run = RunDir.create(folder, "run", build(Recipe, config, where="test"))
    for step in (0, 2):
        shutil.copytree(find_folder("builtin:tiny"), run.checkpoints / f"step-{step:06d}" / "model")
    return run


@pytest.mark.parametrize(("change", "plays"), [("nothing", 1), ("a failed episode", 2), ("other tokens", 2)])
def test_the_expert_plays_once_for_all_checkpoints_that_are_alike_to_it(
    change: str, plays: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = two_checkpoints(tmp_path)
    played: list[str] = []
    row: Callable[..., Ceiling] = ceiling._ceiling

    def counted(*given: object, **keys: object) -> Ceiling:
        played.append(change)
        failures = (Failure(type="BackendError", message="down", count=1),) if change == "a failed episode" else ()
        return row(*given, **keys).model_copy(update={"failures": failures})

    monkeypatch.setattr(ceiling, "_ceiling", counted)
    if change == "other tokens":
        file = run.checkpoints / "step-000002" / "model" / "tokenizer.json"
        file.write_text(file.read_text().replace('"normalizer": null', '"normalizer": {"type": "NFC"}'))
    evaluate_checkpoints(run.path, [], of="all", run=tmp_path / "measured", resume=False)
    assert len(played) == plays
    measured = RunDir(tmp_path / "measured")
    first, second = (measured.read_evaluation(f"step-00000{step}", Evaluation).ceiling for step in (0, 2))
    assert first == second
    assert [one.n for one in first] == [1]
