"""The shipped policies load, and are as small as they are said to be."""

from __future__ import annotations

import pytest

from mem1.inference.hf.loading import load_model, load_tokenizer


@pytest.mark.parametrize(
    ("name", "architecture", "most"),
    [("builtin:tiny", "stablelm", 3_000_000), ("builtin:tiny-parallel", "qwen2", 3_200_000)],
)
def test_a_shipped_policy_loads(name: str, architecture: str, most: int) -> None:
    model = load_model(name, dtype="float32", device="cpu")
    assert model.config.model_type == architecture
    assert sum(parameter.numel() for parameter in model.parameters()) <= most
    assert load_tokenizer(name).vocabulary_size == model.config.vocab_size


def test_the_parallel_policy_has_a_token_for_each_line_number() -> None:
    tokenizer = load_tokenizer("builtin:tiny-parallel")
    assert all(len(tokenizer.encode(f"({number})")) == 1 for number in range(1, 73))
    assert tokenizer.decode(tokenizer.encode("(64) petroleum")) == "(64) petroleum"
