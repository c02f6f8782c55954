"""What a recipe may ask of verl is checked where there is no verl."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mem1.errors import Mem1Error
from mem1.imports import imports
from mem1.integrations.verl.config import VerlConfig
from mem1.recipe import Recipe

GPUS: dict[str, Any] = {"engine": {"type": "vllm"}, "train": {"autocast": "bfloat16"}}


def recipe(**keys: Any) -> Recipe:
    base: dict[str, Any] = {"backend": {"type": "verl", "device": "cpu"}}
    return Recipe.model_validate(base | keys)


def test_a_recipe_is_trained_by_verl_on_a_cpu_or_by_vllm_on_gpus() -> None:
    assert isinstance(recipe().backend, VerlConfig)
    assert recipe(**GPUS, backend={"type": "verl", "workers": 8}).backend.type == "verl"
    assert recipe(train={"temperature": 0.7}).train.temperature == 0.7


def test_a_temperature_reaches_verls_own_vllm_which_reports_what_it_sampled_at() -> None:
    made = recipe(engine=GPUS["engine"], train=GPUS["train"] | {"temperature": 0.7}, backend="verl")
    assert made.train.temperature == 0.7


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"backend": "verl"}, "on GPUs verl samples by vLLM"),
        ({"engine": {"type": "vllm"}}, "on a CPU verl samples by the transformers engine"),
        ({"engine": {"type": "openai", "base_url": "http://127.0.0.1:1/v1"}}, "verl runs the sampler itself"),
        ({"model": "new:tiny"}, "give its folder"),
        ({"lora": {"r": 4}}, "whole weights"),
        ({"train": {"kl": {"coef": 0.1}}}, "no reference policy"),
        ({"train": {"algorithm": {"type": "ppo", "critic": "shared"}}}, 'critic = "separate"'),
        ({"train": {"logit_chunk": 512}}, "logits are computed by other code"),
        (
            GPUS | {"backend": {"type": "verl", "workers": 3, "tensor_parallel": 2}},
            "a multiple of backend.tensor_parallel",
        ),
        ({"engine": {"type": "vllm"}, "backend": "verl"}, 'set train.autocast = "bfloat16"'),
        ({"train": {"autocast": "bfloat16"}}, 'set train.autocast = "none"'),
        ({"engine": {"dtype": "bfloat16"}}, "leave engine.dtype and engine.device out"),
        ({"engine": {"device": "cuda"}}, "leave engine.dtype and engine.device out"),
        (
            {
                "engine": {"type": "vllm", "extra": {"tensor_parallel_size": 2}},
                "train": {"autocast": "bfloat16"},
                "backend": "verl",
            },
            "engine.extra.tensor_parallel_size is backend.tensor_parallel here",
        ),
    ],
)
def test_what_verl_cannot_do_is_refused_where_the_recipe_is_read(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        recipe(**keys)


def test_keys_of_verls_own_may_name_code_and_need_leave() -> None:
    section = {"type": "verl", "device": "cpu", "extra": {"data.custom_cls.path": "evil.py"}}
    with pytest.raises(ValidationError, match="--allow-imports"):
        recipe(backend=section)
    with imports(True):
        assert recipe(backend=section).backend.extra == {"data.custom_cls.path": "evil.py"}  # type: ignore[attr-defined]


def test_without_verl_it_is_said_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    monkeypatch.delitem(__import__("sys").modules, "mem1.integrations.verl.launch", raising=False)
    with pytest.raises(Mem1Error, match="needs a package that is not here") as error:
        recipe().backend.launch()
    assert "make venv-verl" in str(error.value)
