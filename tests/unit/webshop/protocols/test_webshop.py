"""The published environment's protocol, over the recorded episodes of the original; and its draws by weight."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.tasks.compose import make_task
from mem1.types import Composition
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.protocols.env import ProtocolEnvironment
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.gym import ShopEnv
from tests.unit.webshop.protocols.turns import Player
from tests.unit.webshop.shop.recorded import compat_shop, needs_recordings, recordings
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective


@needs_recordings
def test_recorded_episodes_come_out_as_recorded() -> None:
    bought = 0
    source = compat_shop().source
    assert source is not None
    for episode in recordings()["episodes"][:60]:
        ours = Player(compat_shop(), source.goals[episode["goal"]], "webshop")
        for step in episode["steps"]:
            seen = ours.turn(step["action"])
            assert seen.done == step["done"]
            if not step["done"]:
                assert seen.passages == (step["text"],)
            else:
                assert ours.metric("paid") == step["reward"]
                bought += 1
                break
    assert bought > 20


def test_an_answer_holds_an_action_by_the_published_rule() -> None:
    ours = Player(shop("compat"), goal(), "webshop")
    turn = "<think>a</think><answer> {} </answer>"
    first = ours.turn(turn.format("Search[lamp]"))
    assert "Search" in first.passages[0]
    assert first.tail == "Available: search[words]"
    assert "Total results: 25" in ours.turn(turn.format("search[lamp]")).passages[0]
    assert ours.metric("valid") == 0.5


def test_goals_are_drawn_by_weight() -> None:
    source = WebshopConfig(products=30, protocol="webshop", splits="by_product").build()
    env = ShopEnv(source, WebshopEnvConfig(protocol="webshop"))
    env.reset(seed=0)
    drawn = Counter(env.reset()[1]["goal"] for _ in range(4000))
    weights = [one.weight for one in env.goals]
    # The published draw takes the place after the drawn one: the first goal never comes, the last twice as often.
    assert drawn[0] == 0
    heavy = max(range(1, len(weights) - 1), key=lambda index: weights[index - 1])
    light = min(range(1, len(weights) - 1), key=lambda index: weights[index - 1])
    assert abs(drawn[heavy] / 4000 - weights[heavy - 1] / sum(weights)) < 0.015
    assert drawn[heavy] > drawn[light]


@pytest.mark.parametrize(
    ("name", "splits", "seed", "turns"),
    [("webshop", "published", 233, 100), ("mem1", "mem1", 233, 10), ("verl-agent", "mem1", 0, 15)],
)
def test_a_protocol_sets_splits_order_and_steps(name: str, splits: str, seed: int, turns: int) -> None:
    source = WebshopConfig.model_validate({"protocol": name})
    assert (source.splits, source.shuffle_seed) == (splits, seed)
    env = WebshopEnvConfig.model_validate({"protocol": name})
    assert (env.mode, env.turns_per_goal, env.action_form) == ("compat", turns, "turn")
    assert WebshopConfig.model_validate({"protocol": name, "shuffle_seed": 7}).shuffle_seed == 7


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"protocol": "mem1", "mode": "strict"}, "published shop"),
        ({"protocol": "mem1", "form": "json"}, "leave form out"),
        ({"protocol": "verl-agent", "observation": "text_rich"}, "leave observation out"),
        ({"protocol": "mem2"}, "protocol"),
        ({"protocol": ["mem1"]}, "protocol"),
    ],
)
def test_what_does_not_go_with_a_protocol_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WebshopEnvConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"source": {"type": "webshop"}, "env": {"type": "webshop", "protocol": "mem1"}}, "go together"),
        ({"source": {"type": "webshop", "protocol": "mem1"}, "env": {"type": "webshop"}}, "go together"),
        (
            {
                "source": {"type": "webshop", "protocol": "mem1"},
                "env": {"type": "webshop", "protocol": "mem1"},
                "tasks": {"objectives": 2},
            },
            "one goal an episode",
        ),
    ],
)
def test_a_recipe_says_the_same_twice(recipe: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Recipe.model_validate(recipe)


def test_several_goals_are_refused() -> None:
    task = make_task([objective("0", goal()), objective("1", goal("W01"))], Composition.SEQUENTIAL, "test")
    with pytest.raises(ConfigError, match="one goal an episode, not 2"):
        ProtocolEnvironment(task, shop("compat"), name="mem1", turns=10)


def test_gymnasium_speaks_a_protocol() -> None:
    env = ShopEnv(WebshopConfig(protocol="mem1").build(), WebshopEnvConfig(protocol="mem1"), split="test")
    first, _ = env.reset(session=3)
    assert first.startswith("Instruction: ")
    turn = "<think>a</think><summary>b</summary><answer>search[lamp]</answer>"
    assert env.step(turn)[0].startswith("[HINT]You have 9 turns left.[/HINT]\n\nInstruction: [SEP] ")
    assert env.step("click[back to search]")[1:4] == (-1.0, True, False)
