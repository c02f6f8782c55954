"""The small policy: it copies before it has learned anything, at any distance."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from mem1.train.policy.exactness import check_exact
from mem1.train.tiny.config import TinyConfig
from mem1.train.tiny.keys import clock_codes
from mem1.train.tiny.model import make_tiny, train_tokenizer


def repeats(
    *, copying: bool, length: int, common: float = 0.0, architecture: Literal["stablelm", "qwen2"] = "stablelm"
) -> float:
    """Share of a repeated random text whose next token is the model's first choice.

    ``common``: share of the text that is made of six tokens only, so that one predecessor decides little.
    """
    model = make_tiny(TinyConfig(copying=copying, architecture=architecture), 2048)
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(2048, (4, length), generator=generator)
    few = torch.randint(6, (4, length), generator=generator)
    text = torch.where(torch.rand(4, length, generator=generator) < common, few, text)
    with torch.no_grad():
        logits = model(torch.cat([text, text], dim=1)).logits[:, length + 3 : -1]
    return float((logits.argmax(-1) == text[:, 4:]).float().mean())


@pytest.mark.parametrize("architecture", ["stablelm", "qwen2"])
def test_an_untrained_policy_with_the_circuit_repeats_what_it_read(architecture: Literal["stablelm", "qwen2"]) -> None:
    assert repeats(copying=False, length=60, architecture=architecture) < 0.02
    assert repeats(copying=True, length=60, architecture=architecture) > 0.75


def right_lines(*, keys: bool, count: int) -> float:
    """Of lines "(k) a b c d x" that differ in k and x only, the share whose x is the likeliest x in the second round.

    Without ``keys`` the numbers are tokens like any other.
    """
    numbers = range(2000, 2000 + count)
    config = TinyConfig(architecture="qwen2", keys=count if keys else 0, seed=1)
    model = make_tiny(config, 2000 + count, numbers if keys else range(0))
    generator = torch.Generator().manual_seed(2)
    common = torch.randint(2000, (4,), generator=generator).tolist()
    values = torch.randint(2000, (count,), generator=generator).tolist()
    lines = [[number, *common, value] for number, value in zip(numbers, values, strict=True)]
    again = [lines[i] for i in torch.randperm(count, generator=generator).tolist()]
    text = torch.tensor([[token for line in (*lines, *again) for token in line]])
    with torch.no_grad():
        logits = model(text).logits[0]
    ends = torch.arange(6 * count + 5, 12 * count, 6)
    chosen = torch.tensor(values)[logits[ends - 1][:, values].argmax(-1)]
    return float((chosen == text[0, ends]).float().mean())


def test_a_line_is_told_by_its_number_from_others_that_go_on_alike() -> None:
    assert right_lines(keys=False, count=12) < 0.35
    assert right_lines(keys=True, count=12) > 0.7


def test_the_code_of_a_number_turns_into_that_of_the_next() -> None:
    """One linear map leads from 1 to 2 and from 39 to 40; numbers are told apart."""
    codes = clock_codes(40, 32, torch.Generator().manual_seed(0))
    turn = torch.linalg.lstsq(codes[:-1], codes[1:]).solution
    assert torch.allclose(codes[:-1] @ turn, codes[1:], atol=1e-4)
    products = codes @ codes.T
    assert torch.allclose(products.diagonal(), torch.ones(40), atol=1e-5)
    assert (products - torch.eye(40)).max() < 0.6


def test_three_predecessors_settle_what_one_leaves_open() -> None:
    assert repeats(copying=True, length=60, common=0.6) > 0.6


def test_copying_reaches_beyond_a_few_hundred_tokens() -> None:
    assert repeats(copying=True, length=600) > 0.6


def test_packed_rows_are_exact_for_it() -> None:
    check_exact(make_tiny(TinyConfig(), 600))
    check_exact(make_tiny(TinyConfig(architecture="qwen2", keys=20), 600, range(580, 600)))


def test_the_tokenizer_round_trips_and_keeps_control_strings_whole() -> None:
    tokenizer = train_tokenizer(["capital: Lima; population: 34,102,668;"] * 3, 600, ["<think>", "</think>"])
    text = "<think> Nukuʻalofa 12 \n</think>"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert ids[0] == tokenizer.encode("<think>")[0]
    assert len(tokenizer.encode("<think>")) == 1
    assert len(tokenizer.encode(" 2668")) == len(tokenizer.encode(" ")) + 4


def test_numbers_of_lines_are_tokens_that_observations_may_hold() -> None:
    tokenizer = train_tokenizer(["capital: Lima"] * 3, 600, ["<think>"], keys=12)
    assert tokenizer.decode([tokenizer.vocabulary_size - 1]) == "(12)"
    assert [tokenizer.decode([i]) for i in tokenizer.encode("(1)(12)")] == ["(1)", "(12)"]
    assert len(tokenizer.encode("(13)")) > 1
    assert "(1)" not in tokenizer.special_strings
    assert "<think>" in tokenizer.special_strings


def test_a_circuit_needs_room() -> None:
    with pytest.raises(ValueError, match="heads must divide hidden"):
        TinyConfig(heads=3, hidden=256)
    with pytest.raises(ValueError, match="got 8 heads of 32"):
        TinyConfig(heads=8)
    with pytest.raises(ValueError, match="needs 4 heads or more of 64 dimensions or more, got 3 heads of 64"):
        TinyConfig(heads=3, hidden=192, keys=9)
