"""The small policy: it copies before it has learned anything, at any distance."""

from __future__ import annotations

import pytest
import torch

from mem1.train.policy.exactness import check_exact
from mem1.train.tiny.config import TinyConfig
from mem1.train.tiny.model import make_tiny, train_tokenizer


def repeats(*, copying: bool, length: int, common: float = 0.0) -> float:
    """Share of a repeated random text whose next token is the model's first choice.

    ``common``: share of the text that is made of six tokens only, so that one predecessor decides little.
    """
    model = make_tiny(TinyConfig(copying=copying), 2048)
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(2048, (4, length), generator=generator)
    few = torch.randint(6, (4, length), generator=generator)
    text = torch.where(torch.rand(4, length, generator=generator) < common, few, text)
    with torch.no_grad():
        logits = model(torch.cat([text, text], dim=1)).logits[:, length + 3 : -1]
    return float((logits.argmax(-1) == text[:, 4:]).float().mean())


def test_an_untrained_policy_with_the_circuit_repeats_what_it_read() -> None:
    assert repeats(copying=False, length=60) < 0.02
    assert repeats(copying=True, length=60) > 0.75


def test_three_predecessors_settle_what_one_leaves_open() -> None:
    assert repeats(copying=True, length=60, common=0.6) > 0.6


def test_copying_reaches_beyond_a_few_hundred_tokens() -> None:
    assert repeats(copying=True, length=600) > 0.6


def test_packed_rows_are_exact_for_it() -> None:
    check_exact(make_tiny(TinyConfig(), 600))


def test_the_tokenizer_round_trips_and_keeps_control_strings_whole() -> None:
    tokenizer = train_tokenizer(["capital: Lima; population: 34,102,668;"] * 3, 600, ["<think>", "</think>"])
    text = "<think> Nukuʻalofa 12 \n</think>"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert ids[0] == tokenizer.encode("<think>")[0]
    assert len(tokenizer.encode("<think>")) == 1
    assert len(tokenizer.encode(" 2668")) == len(tokenizer.encode(" ")) + 4


def test_a_circuit_needs_room() -> None:
    with pytest.raises(ValueError, match="heads must divide hidden"):
        TinyConfig(heads=3, hidden=256)
    with pytest.raises(ValueError, match="got 8 heads of 32"):
        TinyConfig(heads=8)
