"""Shopping turn by turn, as an agent meets it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.envs.base import Environment
from mem1.errors import ConfigError
from mem1.tasks.compose import Reveal, make_task
from mem1.types import Action, Answer, Composition, Malformed, Observation, Task, tool_call
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.env import ShopEnvironment
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective


def task(*goals: Any, reveal: Reveal = "one_by_one") -> Task:
    asked = [objective(str(number), one) for number, one in enumerate(goals or (goal(),))]
    return make_task(asked, Composition.SEQUENTIAL, "test", reveal)


def env(of: Task | None = None, **settings: Any) -> ShopEnvironment:
    return ShopEnvironment(of or task(), shop(settings.pop("mode", "strict")), **({"prompt": "brief"} | settings))


def step(world: Environment, action: Action) -> Observation:
    return asyncio.run(world.step(action))


def test_one_goal_turn_by_turn() -> None:
    world = env(turns_per_goal=6)
    assert isinstance(world, Environment)
    assert world.max_turns == 6
    prompt, first = world.reset()
    assert prompt == "Buy what is asked for.\n"
    assert first == Observation(
        head="",
        passages=("WebShop [SEP] Instruction: [SEP] Find me a lamp [SEP] Search",),
        tail="Turns left: 6. Search is possible.",
    )
    results = step(world, tool_call("search", query="lamp"))
    assert results.tail.startswith("Turns left: 5. Can be clicked: [back to search] [next >] [w00] [w01]")
    assert step(world, Malformed(reason="no action tag was found")).head.startswith("No action was taken: no action")
    assert step(world, tool_call("click", target="w00")).head == ""
    assert step(world, tool_call("click", target="red")).tail.startswith(
        "Turns left: 2. Can be clicked: [back to search] [< prev]"
    )
    assert step(world, tool_call("click", target="8.5")).tail.startswith(
        "Turns left: 1, the purchase is due. Can be clicked:"
    )
    assert set(world.answers) == {None}
    assert step(world, tool_call("click", target="buy now")) == Observation(head="Bought.", done=True)
    assert world.answers == ("W00 (color: red, size: 8.5)",)
    score = world.score()
    assert score.metrics["score"] == score.metrics["success"] == (1.0,)
    assert score.main == "success"
    assert score.answered == (True,)
    assert "em" not in score.metrics
    assert score.total("score") == 1.0
    assert score.metrics["bought"] == score.metrics["r_option"] == (1.0,)
    assert score.scorer == "webshop: shelf; strict; 6 steps a goal"


def test_what_is_not_offered_uses_a_turn_and_shows_the_page_again() -> None:
    world = env()
    before = world.reset()[1]
    assert before is not None
    again = step(world, tool_call("click", target="w00"))
    assert again.head == "There is no such thing to click here."
    assert again.passages == before.passages
    assert again.tail.startswith("Turns left: 9.")
    step(world, tool_call("search", query="lamp"))
    assert step(world, tool_call("search", query="lamp")).head == "There is no search on this page."
    assert step(world, Answer(text="W00")).head == "answer is not possible here"


def test_the_turns_are_used_up() -> None:
    world = env(turns_per_goal=2)
    step(world, tool_call("search", query="lamp"))
    assert step(world, tool_call("click", target="w00")) == Observation(
        head="No turns left: nothing was bought.", done=True, spent=True
    )
    score = world.score()
    assert score.metrics["score"] == score.metrics["success"] == (0.0,)
    assert score.answered == (False,)
    assert {score.metrics[part] for part in ("bought", "r_type", "r_att", "r_option", "r_price")} == {(0.0,)}


def test_the_last_turn_can_buy() -> None:
    world = env(turns_per_goal=3)
    step(world, tool_call("search", query="lamp"))
    step(world, tool_call("click", target="w02"))
    assert step(world, tool_call("click", target="buy now")) == Observation(head="Bought.", done=True)
    # Attributes 2 of 2, options 0 of 2, and at 40 it costs more than 30: 2 of 5.
    assert world.score().total("score") == pytest.approx(2 / 5)


def test_several_purchases_in_one_session() -> None:
    wishes = (goal(), goal(instruction="Find me another", options=(), option_names=()), goal(instruction="A third"))
    world = env(task(*wishes), turns_per_goal=3)
    assert world.max_turns == 9
    for action in (tool_call("search", query="lamp"), tool_call("click", target="w00")):
        step(world, action)
    following = step(world, tool_call("click", target="buy now"))
    assert following == Observation(
        head="Bought. The next wish:",
        passages=("WebShop [SEP] Instruction: [SEP] Find me another [SEP] Search",),
        tail="Turns left: 3. Search is possible.",
    )
    assert world.objective == 1
    for _ in range(2):
        step(world, Malformed(reason="x"))
    assert step(world, Malformed(reason="x")).head == "No turns left: nothing was bought. The next wish:"
    assert world.objective == 2
    for action in (tool_call("search", query="lamp"), tool_call("click", target="w01")):
        step(world, action)
    assert step(world, tool_call("click", target="buy now")).done
    assert world.answers == ("W00", None, "W01")
    score = world.score()
    assert score.metrics["score"] == pytest.approx((3 / 5, 0.0, 3 / 5))
    assert score.metrics["r_option"][1] is None  # nothing was to be chosen
    assert step(world, tool_call("search", query="lamp")) == Observation(head="Everything was bought.", done=True)
    assert len(world.answers) == 3


def test_wishes_that_are_told_upfront_stand_in_the_prompt() -> None:
    told = env(task(goal(), goal(instruction="Find <b>me</b> another"), reveal="upfront"))
    assert told.reset()[0] == (
        "Buy what is asked for.\nThere are 2 things to buy, one after the other:\n1. Find me a lamp\n"
        "2. Find ‹b>me‹/b> another\n"
    )
    one_by_one = [env(task(*[goal()] * count)).reset()[0] for count in (1, 5)]
    assert one_by_one[0] == one_by_one[1]


def test_prompts(tmp_path: Any) -> None:
    assert "<click> thing </click>" in env(prompt="instruct").reset()[0]
    assert "<answer> click[thing] </answer>" in env(prompt="instruct", form="brackets").reset()[0]
    template = tmp_path / "prompt.txt"
    template.write_text("Shop: {goals}", encoding="utf-8")
    assert env(prompt=template).reset()[0] == "Shop: shown page by page"
    template.with_name("bad.txt").write_text("Shop", encoding="utf-8")
    for name, said in (("bad.txt", r"no \{goals\}"), ("none.txt", "cannot read the prompt template")):
        with pytest.raises(ConfigError, match=said):
            env(prompt=tmp_path / name).reset()


def test_rich_pages() -> None:
    world = env(look="text_rich")
    first = world.reset()[1]
    assert first is not None
    assert first.passages == ("WebShop\nInstruction: \nFind me a lamp\n[button] Search [button_]\n",)


def test_the_configuration_builds_it() -> None:
    source: Webshop = WebshopConfig(products=40).build()
    config = WebshopEnvConfig(mode="compat", nouns="content_words", turns_per_goal=4)
    world = config.build(source)(make_task(source.objectives("train")[:1], Composition.SEQUENTIAL, "train"))
    assert world.max_turns == 4
    assert world.score().scorer == (
        "webshop: own (seed 0), 40 products, synthetic goals, split by_product; compat mode, search lucene top 50, "
        "nouns content_words; 4 steps a goal"
    )
    assert [tool.name for tool in world.tools] == ["search", "click"]
    assert not world.takes_answer
