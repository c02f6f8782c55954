"""A recipe: strategies that differ in what they remember and in nothing else."""

from __future__ import annotations

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.recipe import Recipe
from mem1.registry import builtin_names


def test_compared_strategies_take_the_trained_ones_budgets_and_tags() -> None:
    recipe = build(
        Recipe,
        {
            "memory": {
                "type": "state",
                "budgets": {"state": 50, "action": 20, "observation": 99},
                "carry": ["observation"],
            },
            "strategies": [{"type": "window", "window": 7}],
        },
        where="test",
    )
    assert list(recipe.compared) == ["full", "window", "state", "state_gated", "state_recall", "summary", "notes"]
    assert {(one.budgets.state, one.budgets.observation) for one in recipe.compared.values()} == {(50, 99)}
    window = recipe.compared["window"]
    assert isinstance(window, WindowMemoryConfig)
    assert window.window == 7
    assert recipe.compared["state"] == recipe.memory


def test_a_strategy_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"evaluate.strategies names diary; there are full, window, state, state_ga"):
        build(Recipe, {"evaluate": {"strategies": ["state", "diary"]}}, where="test")
    with pytest.raises(ConfigError, match=r"evaluate.baseline names diary; there are full, window, state, state_ga"):
        build(Recipe, {"evaluate": {"baseline": "diary"}}, where="test")


def test_a_strategy_set_up_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="strategies name a memory policy twice: full, full"):
        build(Recipe, {"strategies": [{"type": "full"}, {"type": "full"}]}, where="test")


def test_a_strategy_that_memory_would_override_is_refused() -> None:
    """Its own settings beside another memory, the same ones beside the same, are no contradiction."""
    window = {"type": "window", "window": 90}
    told = r"strategies sets up window otherwise than memory \(window = 90, memory 7\).*--strategies '\[\]'"
    with pytest.raises(ConfigError, match=told):
        build(Recipe, {"memory": {"type": "window", "window": 7}, "strategies": [window]}, where="test")
    for memory in ({"type": "state"}, window):
        recipe = build(Recipe, {"memory": memory, "strategies": [window]}, where="test")
        assert getattr(recipe.compared["window"], "window", None) == 90


def test_budgets_of_a_strategy_are_refused_since_all_have_those_of_memory() -> None:
    own = {"type": "full", "budgets": {"state": 50}}
    with pytest.raises(ConfigError, match=r"full budgets of its own, .*: set memory\.budgets"):
        build(Recipe, {"strategies": [own]}, where="test")
    recipe = build(Recipe, {"memory": {"type": "state", "budgets": {"state": 50}}, "strategies": [own]}, where="test")
    assert recipe.compared["full"].budgets.state == 50
    resolved = build(Recipe, recipe.model_dump(mode="json"), where="test")
    assert resolved == recipe, "a run's own configuration, in which every default stands, is read again"


@pytest.mark.parametrize("key", ["prices", "side_prices"])
def test_two_prices_of_the_same_calls_are_refused_where_they_differ(key: str) -> None:
    engine = {"type": "openai", "base_url": "http://127.0.0.1:9/v1", key: {"input": 1.0, "output": 2.0}}
    with pytest.raises(ConfigError, match=rf"engine\.{key} and evaluate\.{key} say otherwise of the same calls"):
        build(Recipe, {"engine": engine, "evaluate": {key: {"input": 3.0, "output": 2.0}}}, where="test")
    assert build(Recipe, {"engine": engine, "evaluate": {key: engine[key]}}, where="test").engine.type == "openai"


def test_every_strategy_can_be_compared() -> None:
    recipe = Recipe.model_validate({"evaluate": {"strategies": "all"}})
    assert recipe.evaluate.strategies == tuple(recipe.compared)
    assert set(recipe.compared) == set(builtin_names("memory"))
    assert len({one.budgets for one in recipe.compared.values()}) == 1


def test_training_at_a_temperature_needs_an_engine_that_reports_at_it() -> None:
    hot = {"train": {"temperature": 0.7}}
    assert build(Recipe, hot, where="test").train.temperature == 0.7
    with pytest.raises(ConfigError, match=r"engine 'vllm' reports log-probabilities at temperature 1"):
        build(Recipe, hot | {"engine": {"type": "vllm"}}, where="test")


def test_credit_for_memory_needs_a_back_end_that_can_be_asked() -> None:
    asked = {"train": {"memory_credit": {"type": "counterfactual", "instead": "empty", "weight": 0.2}}}
    assert build(Recipe, asked, where="test").train.memory_credit.weight == 0.2
    tinker = {"type": "tinker", "base_url": "http://127.0.0.1:1", "tokenizer": "builtin:tiny"}
    with pytest.raises(ConfigError, match=r"backend 'tinker' does not act on train.memory_credit"):
        build(Recipe, asked | {"backend": tinker}, where="test")
    with pytest.raises(ConfigError, match=r"no such 'type': 'informationgain'"):
        build(Recipe, {"train": {"memory_credit": {"type": "informationgain"}}}, where="test")
    with pytest.raises(ConfigError, match=r"weight"):
        build(Recipe, {"train": {"memory_credit": {"weight": 1}}}, where="test")
