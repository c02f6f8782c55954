"""What a policy says of a row, against a model's own plain forward pass."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import create_mask, flex_attention
from transformers import LlamaConfig, LlamaForCausalLM

from mem1.errors import InexactError
from mem1.train.policy.attention import NAME, Tree, block_mask, filled_length, tree_mask
from mem1.train.policy.cpu_attention import Block, block_attention, blocks_of
from mem1.train.policy.exactness import check_exact
from mem1.train.policy.policy import Policy, reference_of
from mem1.train.rows.batch import make_batch
from mem1.train.rows.packing import PackedRow, ancestors, attention_mask, pack
from mem1.train.rows.samples import Sample
from tests.unit.train.episodes import episode, turn

VOCABULARY = 40
PROMPT = list(range(20))


def tiny(**changes: float) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.3,
    )
    for name, value in changes.items():
        setattr(config, name, value)
    model = LlamaForCausalLM(config)
    model.train(False)
    return model


def rows(*branches: list[int]) -> tuple[PackedRow, ...]:
    return pack([row_sample(PROMPT + branch, 10 * i) for i, branch in enumerate(branches)], capacity=1000)


def row_sample(ids: list[int], flat: int = 0) -> Sample:
    """A sample that begins with the prompt and trains the rest."""
    count = len(ids) - len(PROMPT)
    return Sample(
        episode=0,
        group="g",
        token_ids=tuple(ids),
        prefix_length=len(PROMPT),
        trained=(False,) * len(PROMPT) + (True,) * count,
        flat=tuple(range(flat, flat + count)),
    )


def test_logprobs_entropy_and_values_are_those_of_the_plain_model() -> None:
    model = tiny()
    head = nn.Linear(32, 1)
    (row,) = rows([1, 2, 3], [4, 5])
    out = Policy(model, head).evaluate(row, need_entropy=True, need_values=True)
    found = {flat: index for index, flat in enumerate(row.flat.tolist())}
    assert out.entropy is not None
    assert out.values is not None
    for branch, first in (([1, 2, 3], 0), ([4, 5], 10)):
        plain = tiny()(input_ids=torch.tensor([PROMPT + branch]), output_hidden_states=True)
        for step, token in enumerate(branch):
            index, at = found[first + step], len(PROMPT) + step - 1
            distribution = plain.logits[0, at].log_softmax(-1)
            assert out.logprobs[index].item() == pytest.approx(distribution[token].item(), abs=1e-5)
            entropy = -(distribution.exp() * distribution).sum().item()
            assert out.entropy[index].item() == pytest.approx(entropy, abs=1e-5)
            value = head(plain.hidden_states[-1][0, at]).item()
            assert out.values[index].item() == pytest.approx(value, abs=1e-5)


def test_entropy_and_values_come_only_when_asked_for() -> None:
    (row,) = rows([1])
    out = Policy(tiny()).evaluate(row)
    assert out.entropy is None
    assert out.values is None
    with pytest.raises(ValueError, match="value head"):
        Policy(tiny()).evaluate(row, need_values=True)


def test_values_send_gradient_to_head_and_model() -> None:
    model, head = tiny(), nn.Linear(32, 1)
    out = Policy(model, head).evaluate(rows([1, 2], [3])[0], need_values=True)
    assert out.values is not None
    torch.autograd.backward(out.values.sum())
    assert head.weight.grad is not None
    assert model.model.embed_tokens.weight.grad is not None
    assert model.model.embed_tokens.weight.grad.abs().sum() > 0


def test_autocast_computes_in_bfloat16_and_returns_float32() -> None:
    model = tiny()
    (row,) = rows([1, 2, 3], [4, 5])
    exact = Policy(model).evaluate(row).logprobs
    rough = Policy(model, autocast=True).evaluate(row).logprobs
    assert rough.dtype is torch.float32
    assert 0 < (rough - exact).abs().max().item() < 0.2
    torch.autograd.backward(rough.sum())


def test_a_plain_row_needs_no_exchanged_attention() -> None:
    model = tiny()
    (row,) = rows([1, 2])
    assert row.linear
    Policy(model).evaluate(row)
    assert model.config._attn_implementation != NAME


def test_dropout_in_training_mode_is_refused() -> None:
    model = tiny(attention_dropout=0.1)
    check_exact(model)
    model.train()
    with pytest.raises(InexactError, match="dropout"):
        check_exact(model)
    with pytest.raises(InexactError, match="dropout"):
        Policy(model).evaluate(rows([1], [2])[0])


def test_a_model_that_gives_other_numbers_on_trial_is_refused() -> None:
    model = tiny()
    before = model.config._attn_implementation

    def shift(module: nn.Module, args: object, output: torch.Tensor) -> torch.Tensor:
        return output + torch.arange(output.shape[1])[None, :, None] / 10  # by place in the row, not by position

    model.model.embed_tokens.register_forward_hook(shift)
    with pytest.raises(InexactError, match="in a trial its log-probabilities differed"):
        check_exact(model)
    assert model.config._attn_implementation == before


def test_a_mask_that_lost_its_tree_is_refused() -> None:
    model = tiny()
    check_exact(model)
    (row,) = rows([1], [2])
    mask = tree_mask(Tree.of(row), torch.device("cpu")).clone()
    with pytest.raises(InexactError, match="lost the row's tree"):
        model(input_ids=row.token_ids[None], attention_mask=mask, position_ids=row.positions[None])


# ---------------------------------------------------------------- block attention on the CPU

LENGTHS, PARENT = (30, 7, 20, 5, 40, 12), (-1, 0, 1, 1, 0, -1)


def test_blocks_of_a_tree() -> None:
    assert blocks_of((3, 2, 1, 4), (-1, 0, 0, -1)) == (
        Block(slice(0, 3), slice(0, 3)),
        Block(slice(3, 5), slice(3, 5)),
        Block(slice(5, 6), slice(5, 6)),
        Block(slice(6, 10), slice(6, 10)),
        Block(slice(3, 6), slice(0, 3)),
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_block_attention_equals_a_dense_mask(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    node_of = torch.repeat_interleave(torch.arange(6), torch.tensor(LENGTHS))
    size = len(node_of)
    mask = ancestors(torch.tensor(PARENT))[node_of][:, node_of] & torch.ones(size, size, dtype=torch.bool).tril()
    query, key, value = (torch.randn(1, 3, size, 8, dtype=dtype, requires_grad=True) for _ in range(3))
    weights = torch.randn(1, 3, size, 8, dtype=dtype)
    blocks = block_attention(query, key, value, blocks_of(LENGTHS, PARENT), 0.4)
    dense = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.4)
    assert (blocks - dense).abs().max() < tolerance
    for found, expected in zip(
        torch.autograd.grad((weights * blocks).sum(), (query, key, value)),
        torch.autograd.grad((weights * dense).sum(), (query, key, value)),
        strict=True,
    ):
        assert (found - expected).abs().max() < tolerance


def test_block_mask_of_flex_attention_is_the_dense_mask() -> None:
    """What can be checked of the CUDA path without CUDA: unfused, forward only."""
    (row,) = pack([row_sample(PROMPT + branch) for branch in ([1, 2, 3], [4, 5], [6])], capacity=1000)
    mask = block_mask(row, row.length, torch.device("cpu"))
    assert torch.equal(create_mask(mask.mask_mod, 1, 1, row.length, row.length, "cpu")[0, 0], attention_mask(row))
    query, key, value = (torch.randn(1, 2, row.length, 16) for _ in range(3))
    found = flex_attention(query, key, value, block_mask=mask)
    assert isinstance(found, torch.Tensor)
    expected = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask(row))
    assert (found - expected).abs().max() < 1e-5


def test_a_filled_up_block_mask_is_the_tree_and_tokens_that_see_themselves() -> None:
    branches = ([1, 2, 3], [1, 2, 4, 5], [6, 7], [1, 9])
    packed = pack([row_sample(PROMPT + branch) for branch in branches], capacity=1000, min_shared=1)
    roots = pack([row_sample([*PROMPT, 1, 2]), row_sample([*PROMPT[::-1], 3, 4, 5])], capacity=1000)
    assert (roots[0].parent == -1).sum() == 2
    for row in (*packed, *roots):
        length = filled_length(row.length)
        assert length == 256
        mask = create_mask(block_mask(row, length, torch.device("cpu")).mask_mod, 1, 1, length, length, "cpu")[0, 0]
        expected = torch.eye(length, dtype=torch.bool)
        expected[: row.length, : row.length] = attention_mask(row)
        assert torch.equal(mask[: row.length], expected[: row.length])  # what is trained on sees no filling
        assert mask[row.length :].any(dim=1).all()  # and no query is left with nothing to see


def test_blocks_that_are_skipped_or_whole_are_those_of_the_dense_mask() -> None:
    rng = random.Random(0)
    for _ in range(12):
        samples = [
            Sample(k, "g", tuple(ids), 0, (False, *(True for _ in ids[1:])), tuple(range(len(ids) - 1)))
            for k in range(6)
            for ids in [[1] * 150 + [2] * rng.randint(1, 300) + [3 + k] * rng.randint(1, 500)]
        ]
        for row in pack(samples, capacity=4096):
            length = filled_length(row.length)
            made = block_mask(row, length, torch.device("cpu"))
            dense = create_mask(made.mask_mod, 1, 1, length, length, "cpu")[0, 0]
            blocks = dense.view(length // 128, 128, length // 128, 128).transpose(1, 2).flatten(2)
            whole, some = blocks.all(-1), blocks.any(-1)
            assert made.full_kv_num_blocks is not None
            assert made.full_kv_indices is not None
            for query in range(length // 128):
                partly = made.kv_indices[0, 0, query, : int(made.kv_num_blocks[0, 0, query])]
                wholly = made.full_kv_indices[0, 0, query, : int(made.full_kv_num_blocks[0, 0, query])]
                assert partly.tolist() == torch.nonzero(some[query] & ~whole[query])[:, 0].tolist()
                assert wholly.tolist() == torch.nonzero(whole[query])[:, 0].tolist()


def test_rows_are_filled_up_to_few_lengths_and_by_less_than_half_of_a_long_one() -> None:
    lengths = range(1, 32_769)
    assert len({filled_length(one) for one in lengths}) == 20
    assert all(one <= filled_length(one) < one * 1.5 for one in lengths if one > 1024)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_block_mask_on_cuda_equals_plain_rows() -> None:
    model = tiny()
    model.to("cuda")  # type: ignore[arg-type]
    (packed,) = rows([1, 2, 3], [4, 5])
    plain = [row for branch in ([1, 2, 3], [4, 5]) for row in rows(branch)]
    policy = Policy(model)
    expected = torch.cat([policy.evaluate(row).logprobs for row in plain])
    found = policy.evaluate(packed).logprobs
    assert (found - expected).abs().max().item() < 1e-4
    parameters = list(policy.parameters())
    for left, right in zip(
        torch.autograd.grad(found.sum(), parameters), torch.autograd.grad(expected.sum(), parameters), strict=True
    ):
        assert (left - right).norm() <= 1e-4 * right.norm() + 1e-6


def test_at_a_temperature_the_policy_is_the_model_with_its_logits_divided() -> None:
    model = tiny()
    (row,) = make_batch([episode("e", [turn(0, (5, 6, 7), (8, 9), prefix=3)])], capacity=50).rows
    policy = Policy(model, temperature=2.0)
    found = policy.evaluate(row, need_entropy=True)
    logits = model(input_ids=torch.tensor([[5, 6, 7, 8, 9]])).logits[0, 2:4]
    scores = (logits / 2).log_softmax(-1)
    assert torch.allclose(found.logprobs, scores[[0, 1], [8, 9]], atol=1e-5)
    assert found.entropy is not None
    assert torch.allclose(found.entropy, -(scores.exp() * scores).sum(-1), atol=1e-5)
    assert reference_of(policy).temperature == 2.0
