"""What a training service cannot do is refused when the recipe is read."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.integrations.tinker.config import TinkerConfig
from mem1.recipe import Recipe

SERVICE = {"type": "tinker", "base_url": "http://127.0.0.1:1", "tokenizer": "builtin:tiny"}


def recipe(backend: dict[str, Any] | None = None, **keys: Any) -> Recipe:
    return build(Recipe, {"model": "some/model", "backend": SERVICE | (backend or {}), **keys}, where="recipe")


def test_the_service_writes_what_it_trains() -> None:
    made = recipe({"max_context": 512, "slots": 3, "key_env": "SOME_KEY"})
    assert isinstance(made.backend, TinkerConfig)
    writer = made.writer
    assert (writer.type, writer.slots, writer.max_context) == ("tinker", 3, 512)
    assert writer.model_dump()["key_env"] == "SOME_KEY"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"train": {"algorithm": {"type": "ppo"}}}, "critic"),
        ({"train": {"kl": {"coef": 0.1}}}, "kl.coef"),
        ({"train": {"entropy_coef": 0.1}}, "entropy_coef"),
        ({"train": {"autocast": "bfloat16"}}, "autocast"),
        ({"train": {"clip_high": 0.3}}, 'backend.loss = "ppo"'),
        ({"train": {"logit_chunk": 512}}, "logit_chunk"),
        ({"train": {"loss": {"type": "gspo"}}}, "gspo"),
        ({"train": {"loss": {"type": "cispo"}}}, "cispo"),
        ({"lora": {"r": 8}}, "backend.rank"),
        ({"side_model": "other"}, "side_model"),
        ({"backend": SERVICE | {"key_env": "tml-abc-123"}}, "not the key itself"),
        ({"backend": SERVICE | {"base_url": "http://user:secret@127.0.0.1"}}, "key_env"),
        ({"backend": {key: value for key, value in SERVICE.items() if key != "tokenizer"}}, "tokenizer"),
    ],
)
def test_what_the_service_cannot_do_is_refused_at_the_door(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        build(Recipe, {"model": "some/model", "backend": SERVICE, **keys}, where="recipe")
    assert "secret" not in str(refused.value)


def test_cispo_goes_with_cispo() -> None:
    made = recipe({"loss": "cispo"}, train={"loss": {"type": "cispo"}})
    assert made.backend.model_dump()["loss"] == "cispo"
