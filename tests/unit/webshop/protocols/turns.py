"""Turns as policies write them, good and bad: what a protocol's reading is tried on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from mem1.tasks.compose import make_task
from mem1.types import Answer, Composition, Observation
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.protocols.env import ProtocolEnvironment
from mem1.webshop.shop.kinds import HABITS, ProtocolName
from mem1.webshop.shop.visit import Shop
from tests.unit.webshop.shop.tasks import objective

MEM1_SHAPES = (
    "<think>t</think><summary>s</summary><answer>{}</answer>",
    "<think>t</think><summary>s</summary><answer>{}</answer>",
    "<think>t</think><summary>s</summary><answer>{}</answer>",
    "<think>t</think><summary>s</summary><answer>{}</answer>",
    "<think>\nt\n</think>\n<summary>\ns\n</summary>\n<answer>\n{}\n</answer>",
    "before <think>t</think> between <summary>s</summary> and <answer> {} </answer> behind <answer>click[x]</answer>",
    "<answer>{}</answer><summary>s</summary><think>t</think>",
    "<think>a <b>bold</b> thought, 2 < 3</think><summary></summary><answer>{}</answer>",
    "<summary>s</summary><answer>{}</answer>",
    "<think>t</think><answer>{}</answer>",
    "<think>t</think><summary>s</summary>{}",
    "<think>t</think><summary>s</summary><answer>{}",
    "<think>t</think><think>u</think><summary>s</summary><answer>{}</answer>",
    "<think>t</think><summary>s<summary>s</summary><answer>{}</answer>",
    "<think>t<think></think></think><summary>s</summary><answer>{}</answer>",
    "</think>t<think><summary>s</summary><answer>{}</answer>",
    "<THINK>t</THINK><summary>s</summary><answer>{}</answer>",
    "<think>t</think><summary>s</summary><answer>{0}</answer><answer>{0}</answer>",
    "<think>I write </answer> here</think><summary>s</summary><answer>{}</answer>",
    "",
    " ",
)
VERL_SHAPES = (
    "<think>t</think><action>{}</action>",
    "<think>t</think><action>{}</action>",
    "<think>t</think>\n<action>\n{}\n</action> and more",
    "<action>{}</action>",
    "<think>t</think><ACTION> {} </ACTION>",
    "<Think>t</Think><action>{}</action>",
    "</think><action>{}</action><think>",
    "<think>t</think><action>{0}</action><action>click[x]</action>",
    "</action><think>t</think><action>{}</action>",
    "<think>t</think>{}",
    "<think>t</think><action>{}",
    "<think>\u4f60\u597d</think><action>{}</action>",
    "<think>\u0130\u0130\u0130</think><action>{}</action>",
    "",
)


def action(rng: random.Random, offered: Sequence[str], goal: Goal) -> str:
    """Something to do: mostly what is offered, at times what is not, or is written oddly."""
    clicks = [f"click[{one}]" for one in offered if one != "search"]
    wanted = [f"click[{one}]" for one in (goal.asin.lower(), *goal.options) if one in offered]
    good = [*clicks, *wanted * 8] or [f"search[{goal.name.lower()}]"]
    if "search" in offered:
        good = [f"search[{goal.name.lower()}]", f"search[{goal.query}]"]
    chosen = rng.choice(good)
    match rng.randrange(14):
        case 0:
            return chosen.replace(">", "&gt;")
        case 1:
            return chosen.upper()
        case 2:
            return chosen.replace("[", " [", 1)
        case 3:
            return chosen.replace("[", "[ ", 1)
        case 4:
            return f"{chosen}."
        case 5:
            return rng.choice(
                ["", "click[]", "search[]", "click[search]", "buy it", "\u674e[x]", f"search[x]\n{chosen}"]
            )
        case 6:
            return rng.choice(["click[buy now]", "search[lamp]", "click[next &gt;]", "click[< prev]"])
        case _:
            return chosen


class Player:
    """Our side of one episode, turn by turn."""

    def __init__(self, shop: Shop, goal: Goal, name: ProtocolName) -> None:
        task = make_task([objective("0", goal)], Composition.SEQUENTIAL, "test")
        self.env = ProtocolEnvironment(task, shop, name=name, turns=HABITS[name].turns)
        self.prompt, self.first = self.env.reset()

    def turn(self, text: str) -> Observation:
        """What comes of what was written."""
        return asyncio.run(self.env.step(Answer(text=text)))

    def metric(self, name: str) -> Any:
        """The goal's value of a metric."""
        return self.env.score().metrics[name][0]


def shown(observation: Observation) -> str:
    """An observation as it stands in a context: each part on lines of its own."""
    return "\n".join((observation.head, *observation.passages, observation.tail))
