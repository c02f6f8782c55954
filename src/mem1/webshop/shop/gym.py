"""The shop as a Gymnasium environment: texts in, texts out.

env = ShopEnv(WebshopConfig().build(), WebshopEnvConfig())
page, info = env.reset(seed=0)
page, reward, terminated, truncated, info = env.step("search[argan oil hair oils]")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mem1.actions.brackets import parse_brackets
from mem1.errors import ConfigError
from mem1.installed import install_hint
from mem1.tasks.base import Split
from mem1.types import Objective
from mem1.webshop.catalogue.source import Webshop, goal_of
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.moves import TOOLS, move_of, published_move
from mem1.webshop.shop.visit import Visit

try:
    import gymnasium
    from gymnasium.spaces import Text
except ModuleNotFoundError as missing:
    raise ConfigError(
        "the Gymnasium environment needs the package gymnasium",
        where="webshop/shop/gym.py",
        hint=install_hint("shop"),
    ) from missing

LONGEST_ACTION = 512
_PRINTABLE = "".join(map(chr, range(32, 127)))


class ShopEnv(gymnasium.Env[str, str]):
    """One goal an episode, drawn from ``split`` by the seed, or ``options={"goal": index}`` at reset.

    An action is ``search[words]`` or ``click[thing]``; any other text changes nothing and earns nothing. The reward
    comes with the purchase, which ends the episode; ``turns_per_goal`` steps without one truncate it. ``info`` holds
    the goal's index, what can be clicked, whether a search is possible, and after the purchase the reward's parts.

    Raises ``DataError`` for a split without goals.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  as its base declares it

    def __init__(
        self, source: Webshop, config: WebshopEnvConfig, *, split: Split = "train", render_mode: str | None = None
    ) -> None:
        self.render_mode = render_mode
        self._config = config
        self._shop = config.open(source)
        self._objectives: Sequence[Objective] = source.objectives(split)
        if not self._objectives:
            raise ConfigError(
                f"the shop has no goal in split {split!r}", where="split", hint="use another split, or source.splits"
            )
        self.observation_space = Text(max_length=1_000_000, charset=_signs(source))
        self.action_space = Text(min_length=0, max_length=LONGEST_ACTION, charset=_PRINTABLE)
        self._index = 0
        self._steps = 0
        self._visit = Visit(self._shop, goal_of(self._objectives[0]))

    @property
    def visit(self) -> Visit:
        """The visit behind the texts."""
        return self._visit

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin with a goal: the start page, and what can be done there."""
        super().reset(seed=seed)
        wanted = (options or {}).get("goal")
        self._index = int(self.np_random.integers(len(self._objectives))) if wanted is None else int(wanted)
        if not 0 <= self._index < len(self._objectives):
            raise ConfigError(
                f"there is no goal {self._index}", where="options", hint=f"give 0 to {len(self._objectives) - 1}"
            )
        self._visit = Visit(self._shop, goal_of(self._objectives[self._index]))
        self._steps = 0
        return self._text(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Do ``action``: the page, the reward of this step, whether something was bought, whether the steps ran out."""
        before = self._visit.reward
        if not self._visit.done or self._shop.mode == "compat":
            self._steps += 1
            compat = self._shop.mode == "compat"
            move = published_move(action) if compat else move_of(parse_brackets(action, TOOLS))
            if move is not None:
                self._visit.do(move)
        after = self._visit.reward
        reward = after.total if after is not None and after is not before else 0.0
        truncated = after is None and self._steps >= self._config.turns_per_goal
        return self._text(), reward, after is not None, truncated, self._info()

    def render(self) -> str:
        """The page as rich text."""
        return self._visit.text("text_rich")

    def _text(self) -> str:
        return self._visit.text(self._config.observation)

    def _info(self) -> dict[str, Any]:
        visit = self._visit
        info: dict[str, Any] = {
            "goal": self._index,
            "shop": self._shop.label,
            "clickables": visit.clickables,
            "has_search_bar": self._shop.machine.search_bar(visit.state),
        }
        return info if visit.reward is None else info | {"bought": visit.bought(), "parts": visit.reward.parts}


def _signs(source: Webshop) -> str:
    """Every character that a page can hold."""
    found = set(_PRINTABLE + "\n")
    for product in source.products.values():
        found.update(product.title, product.description, *product.bullets)
        for name, values in product.options.items():
            found.update(name, *values)
    for goal in source.goals:
        found.update(goal.instruction)
    return "".join(sorted(found))
