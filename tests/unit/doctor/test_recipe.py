"""What the doctor says of a recipe: what is missing, what is broken, who does not answer, what it takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.doctor import Check, Status
from mem1.doctor.recipe import adapter_size, examine_recipe, plan_of
from mem1.inference.config import TransformersConfig
from mem1.inference.folders import find_folder
from mem1.recipe import Recipe
from mem1.runtime.forecast.amounts import Amount
from mem1.train.config import LoraConfig
from mem1.train.sizing import ModelShape

SHAPE = ModelShape(
    parameters=1000, layers=2, hidden=8, feed_forward=16, kv_heads=1, head_size=4, vocabulary=32
)  # fmt: skip


def found(path: Path | str, *overrides: str) -> dict[str, Check]:
    return {check.name: check for check in examine_recipe(Path(path), overrides)}


def failures(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.found for name, check in checks.items() if check.status is Status.FAIL}


def test_a_shipped_recipe_is_ready_and_its_hours_are_told() -> None:
    checks = found("factbook-ppo")
    assert failures(checks) == {}
    assert checks["tasks to train on"].found == "2,000 of 2 objectives"
    assert "2.5 M parameters" in checks["model"].found
    assert "of 80.0 GB" in checks["on one H100"].found
    assert "for 60 steps without evaluations" in checks["on one H100"].found


def test_a_file_that_is_missing_or_empty_is_named_and_so_is_a_service_that_is_down(tmp_path: Path) -> None:
    here, gone = tmp_path / "train.jsonl", tmp_path / "gone.jsonl"
    here.write_text("")
    source = f'source={{type = "qa_files", name = "q", train = "{here}", test = "{gone}"}}'
    retriever = 'retriever={type = "remote", url = "http://127.0.0.1:9/retrieve", attempts = 1}'
    checks = list(examine_recipe(Path("factbook-ppo"), [source, retriever]))
    failed = [(check.name, check.found) for check in checks if check.status is Status.FAIL]
    assert ("file", f"{gone} is not there") in failed
    assert ("file", f"{here} is empty") in failed
    assert "retriever" in dict(failed)
    assert "tasks" in dict(failed)
    assert all(check.hint for check in checks if check.status is Status.FAIL)


def test_weights_that_are_cut_off_are_found_without_loading_them(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(find_folder("builtin:tiny"), model)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    assert "cannot read the heads of the weights" in failures(found("factbook-ppo", f"model={model}"))["model"]


def test_an_index_that_was_not_written_is_told_with_the_command(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"id": "1", "contents": '"A"\nb'}) + "\n")
    retriever = f'retriever={{type = "bm25_disk", corpus = "{corpus}", index = "{tmp_path / "index"}"}}'
    check = found("factbook-ppo", retriever)["index"]
    assert (check.status, check.hint) == (Status.FAIL, "mem1 index RECIPE writes it")


def test_the_command_ends_as_failed_where_something_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "factbook-ppo", "--model", str(tmp_path / "none"), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows if row["status"] == "fail"} == {"tasks", "model"}


def test_an_adapters_size_is_inputs_and_outputs_of_each_layer() -> None:
    # q and o: 8 + 8 each, k and v: 8 + 4 each, gate, up and down: 8 + 16 each; two layers, rank 3.
    assert adapter_size(LoraConfig(r=3), SHAPE) == 3 * 2 * (2 * 16 + 2 * 12 + 3 * 24)


def test_a_plan_says_what_a_step_does_in_tokens() -> None:
    recipe = Recipe.model_validate(
        {
            "train": {"tasks_per_step": 3, "group_size": 4, "epochs": 2, "kl": {"coef": 0.1}}
            | {"checkpointing": True, "logit_chunk": 512},
            "engine": {"type": "transformers", "slots": 5, "dtype": "bfloat16"},
        }
    )
    assert isinstance(recipe.engine, TransformersConfig)
    plan = plan_of(recipe, recipe.engine, SHAPE, (6.0, Amount(1, 100.4, 20.0)))
    assert (plan.episodes, plan.turns, plan.carried, plan.written, plan.slots) == (12, 6.0, 100, 20, 5)
    assert (plan.sampler_bytes, plan.value_bytes, plan.reference, plan.critic, plan.epochs) == (2, 2, True, False, 2)
    assert (plan.checkpointing, plan.logit_chunk) == (True, 512)


@pytest.mark.parametrize(
    ("dtype", "lora", "staleness", "copied", "frozen"),
    [
        ("float32", None, 0, 0, 4),  # sampler and trainer share the weights
        ("float32", None, 1, 4, 4),
        ("bfloat16", None, 0, 2, 2),  # a copy in half precision beside the trained weights
        ("bfloat16", None, 1, 2, 2),  # is the only one that a rollout ahead needs
        ("bfloat16", {"r": 4}, 0, 0, 2),
        ("bfloat16", {"r": 4}, 1, 2, 2),
    ],
)
def test_a_plan_counts_the_copy_that_rollouts_ahead_are_written_with(
    dtype: str, lora: dict[str, int] | None, staleness: int, copied: int, frozen: int
) -> None:
    recipe = Recipe.model_validate(
        {"train": {"staleness": staleness}, "engine": {"type": "transformers", "dtype": dtype}, "lora": lora}
    )
    assert isinstance(recipe.engine, TransformersConfig)
    plan = plan_of(recipe, recipe.engine, SHAPE, (6.0, Amount(1, 100.4, 20.0)))
    assert (plan.sampler_bytes, plan.frozen_bytes) == (copied, frozen)
