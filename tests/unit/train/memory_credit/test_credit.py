from __future__ import annotations

import math
import random

import pytest
import torch

from mem1.errors import ConfigError
from mem1.train.advantages.ledger import Ledger
from mem1.train.backends.local import LocalBackend
from mem1.train.config import RowsConfig, TrainConfig
from mem1.train.memory_credit.beliefs import beliefs
from mem1.train.memory_credit.config import Belief
from mem1.train.memory_credit.credit import credits_of, on_states, state_advantages
from mem1.train.memory_credit.information_gain import InformationGain
from mem1.train.memory_credit.probes import Probe
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import View, make_batch
from mem1.train.selection import select
from mem1.types import Episode, EpisodeGroup, Task
from tests.e2e.toy import tiny_policy
from tests.unit.train.episodes import TASK, episode, turn

PROBE = Probe(token_ids=(9, 7, 8, 6, 5), spans=((1, 3), (4, 5)))  # answers (7, 8) and (5,)
CONTEXTS = [(1, 2), (1, 2, 3), (1, 2, 4, 4, 4)]


def plain(policy: Policy, context: tuple[int, ...], probe: Probe) -> Belief:
    """What the model says of one context in one plain forward pass."""
    ids = context + probe.token_ids
    scores = policy.model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    logprobs, entropies = [], []
    for start, end in probe.spans:
        places = range(len(context) + start, len(context) + end)
        logprobs.append(sum(scores[k - 1, ids[k]].item() for k in places) / len(places))
        entropies.append(sum(-(scores[k - 1].exp() * scores[k - 1]).sum().item() for k in places) / len(places))
    return Belief(tuple(logprobs), tuple(entropies))


@pytest.mark.parametrize("view", ["packed", "reference"])
@torch.no_grad()
def test_what_the_policy_holds_is_that_of_a_plain_forward_pass(view: View) -> None:
    policy = tiny_policy()
    held = beliefs(policy, [(one, PROBE) for one in (*CONTEXTS, CONTEXTS[0])], RowsConfig(capacity=64), view)
    assert len(held) == 3
    for context in CONTEXTS:
        expected = plain(policy, context, PROBE)
        assert held[context, PROBE].logprobs == pytest.approx(expected.logprobs, abs=1e-5)
        assert held[context, PROBE].entropies == pytest.approx(expected.entropies, abs=1e-5)


def test_a_probe_without_answers_is_not_asked() -> None:
    assert beliefs(tiny_policy(), [((1, 2), Probe((9,), ()))], RowsConfig(), "packed") == {}


def rewritten(name: str, page: tuple[int, ...], *, group: str = "g") -> Episode:
    """Two turns; the second reads ``page``, which is the first one's state."""
    first = turn(0, (1, 2), (*page, 6), prefix=2).model_copy(update={"state_length": len(page)})
    second = turn(1, (1, 2, *page, 6), (3, 6), prefix=2).model_copy(update={"state_length": 1})
    return episode(name, [first, second], group=group)


@torch.no_grad()
def test_a_write_is_worth_what_it_tells_under_the_weights_as_they_are() -> None:
    policy = tiny_policy()
    group = [rewritten("a", (3,)), rewritten("b", (4, 4, 4))]

    def probes(task: Task, objective: int) -> Probe:
        assert (task, objective) == (TASK, 0)
        return PROBE

    found = credits_of([group], InformationGain(), probes, policy, RowsConfig(capacity=64), "packed")
    nothing, short, long = (plain(policy, context, PROBE).logprob for context in CONTEXTS)
    assert found["a"] == [pytest.approx(short - nothing, abs=1e-5), None]
    assert found["b"] == [pytest.approx(long - nothing, abs=1e-5), None]


def test_credits_are_compared_within_a_group_in_its_deviations() -> None:
    """1, 2 and 3 have mean 2 and deviation 1; what is not known gets nothing."""
    group = [rewritten("a", (3,)), rewritten("b", (4,)), rewritten("c", (5,))]
    found = state_advantages([group], {"a": [1.0, None], "b": [2.0, None], "c": [3.0, None]}, 0.5)
    assert found["a"] == pytest.approx([-0.5, 0.0], abs=1e-5)
    assert found["b"] == pytest.approx([0.0, 0.0])
    assert found["c"] == pytest.approx([0.5, 0.0], abs=1e-5)


def test_a_group_without_difference_or_of_one_write_gets_nothing() -> None:
    group = [rewritten("a", (3,)), rewritten("b", (4,))]
    assert state_advantages([group], {"a": [1.0, None], "b": [1.0, None]}, 0.5) == {"a": [0, 0], "b": [0, 0]}
    assert state_advantages([group], {"a": [1.0, None], "b": [None, None]}, 0.5) == {"a": [0, 0], "b": [0, 0]}
    assert state_advantages([group], {"a": [None] * 2, "b": [None] * 2}, 0.5) == {"a": [0, 0], "b": [0, 0]}


def test_only_the_sampled_tokens_of_states_are_credited() -> None:
    """Three state tokens, the second forced, then an action; the second turn has one state token."""
    first = turn(0, (1, 2), (4, 4, 4, 6), prefix=2, sampled=(True, False, True, True))
    second = turn(1, (1, 2, 9), (3, 6), prefix=2)
    made = episode("a", [first.model_copy(update={"state_length": 3}), second.model_copy(update={"state_length": 1})])
    batch = make_batch([made], capacity=64)
    assert on_states(batch, {"a": [0.5, -1.0]}).tolist() == [0.5, 0.5, 0.0, -1.0, 0.0]


def backend(config: TrainConfig, policy: Policy, *, asks: bool = True) -> LocalBackend:
    optimizer = torch.optim.SGD(policy.model.parameters(), lr=0.0)
    return LocalBackend(
        policy, None, optimizer, config, view="packed", probes=(lambda task, objective: PROBE) if asks else None
    )


def test_credit_for_memory_without_answers_is_refused() -> None:
    config = TrainConfig.model_validate({"memory_credit": {"type": "belief_entropy"}})
    with pytest.raises(ConfigError, match="what answers a page should tell of"):
        backend(config, tiny_policy(), asks=False)
    backend(TrainConfig(), tiny_policy(), asks=False)


def test_in_training_it_is_added_to_the_reward_on_states_and_on_nothing_else() -> None:
    policy = tiny_policy()
    pages = [(3,), (4, 4, 4), (5, 3)]
    group = [
        rewritten(name, page).model_copy(update={"reward": reward})
        for name, page, reward in zip("abc", pages, (1.0, 0.0, 0.0), strict=True)
    ]
    selection = select([EpisodeGroup(id="g", episodes=tuple(group))], compare_in_groups=True)
    settings = {"algorithm": {"type": "rloo"}, "memory_credit": {"type": "information_gain", "weight": 2.0}}
    config = TrainConfig.model_validate(settings)
    without = config.model_copy(update={"memory_credit": TrainConfig().memory_credit})
    taught, untaught = (
        backend(one, policy).prepare(selection, Ledger(one, None), random.Random(0))[0] for one in (config, without)
    )
    assert [episode.id for episode in taught.batch.episodes] == ["a", "b", "c"]
    gains = [plain(policy, (1, 2, *page), PROBE).logprob for page in pages]
    mean = sum(gains) / 3
    deviation = math.sqrt(sum((one - mean) ** 2 for one in gains) / 2)
    extra = [2 * (one - mean) / deviation for one in gains]
    expected = []
    for page, one in zip(pages, extra, strict=True):
        expected += [one] * len(page) + [0.0] + [0.0, 0.0]  # state, action; the last turn's page nobody reads
    assert (taught.advantages - untaught.advantages).tolist() == pytest.approx(expected, abs=1e-3)
    assert taught.weights.tolist() == untaught.weights.tolist()
