"""The shop as a Gymnasium environment: texts in, texts out.

env = ShopEnv(WebshopConfig().build(), WebshopEnvConfig())
page, info = env.reset(seed=0)
page, reward, terminated, truncated, info = env.step("search[argan oil hair oils]")
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

from mem1.actions.brackets import parse_brackets
from mem1.errors import ConfigError
from mem1.installed import install_hint
from mem1.tasks.base import Split
from mem1.webshop.catalogue.goals import Goal, by_weight
from mem1.webshop.catalogue.source import Webshop, goal_of
from mem1.webshop.protocols.base import move_meant, written_out
from mem1.webshop.protocols.named import protocol
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.markup import markup
from mem1.webshop.shop.moves import TOOLS, Click, Search, move_of, published_move
from mem1.webshop.shop.visit import Shop, Visit, shared_shop

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
LONGEST_PAGE = 1_000_000
_PRINTABLE = "".join(map(chr, range(32, 127)))
_BUYING = len("search[]")


def action_space(shop: Shop, goals: Iterable[Goal] = ()) -> Text:
    """Texts of which every action that the shop offers is one, and every search with the words of its texts."""
    return Text(
        min_length=0,
        max_length=max(LONGEST_ACTION, shop.machine.longest + _BUYING),
        charset="".join(sorted(_signs(shop, goals))),
    )


def observation_space(shop: Shop, goals: Iterable[Goal] = ()) -> Text:
    """Texts of which every page is one."""
    return Text(max_length=LONGEST_PAGE, charset="".join(sorted(_signs(shop, goals) | {"\n"})))


def _signs(shop: Shop, goals: Iterable[Goal]) -> set[str]:
    found = {*_PRINTABLE, *shop.machine.signs}.union(*(goal.instruction for goal in goals))
    return found | {sign for one in found for sign in one.lower()}


class ShopEnv(gymnasium.Env[str, str]):
    """One goal an episode, drawn from ``split`` by the seed, or chosen at ``reset``.

    An action is ``search[words]`` or ``click[thing]``; any other text changes nothing and earns nothing. The reward
    comes with the purchase, which ends the episode; ``turns_per_goal`` steps without one truncate it. ``info`` holds
    the goal's index, what can be clicked, whether there is a search bar, and after the purchase the reward's parts.

    All environments of the same settings in a process share one index. A copy (``clone``, ``copy.deepcopy``) goes its
    own way from where the original stands; a pickled one does so in another process.

    With ``protocol`` an action is all that a policy writes in a turn, pages and rewards are as the protocol has them,
    and ``webshop`` draws goals by their weight.

    Raises ``ConfigError`` for a split without goals.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "html"], "render_fps": 1}  # noqa: RUF012  as its base has it

    def __init__(
        self, source: Webshop, config: WebshopEnvConfig, *, split: Split = "train", render_mode: str | None = None
    ) -> None:
        self.render_mode = render_mode
        self._config = config
        self._split: Split = split
        self._shop = shared_shop(config.opening(source))
        self._goals = goals_of(self._shop, split)
        if not self._goals:
            raise ConfigError(
                f"the shop has no goal in split {split!r}", where="split", hint="use another split, or source.splits"
            )
        self._protocol = None if config.protocol is None else protocol(config.protocol, config.observation)
        self._set_spaces()
        self._index = 0
        self._steps = 0
        self._visit = Visit(self._shop, self._goals[0])

    @property
    def visit(self) -> Visit:
        """The visit behind the texts."""
        return self._visit

    @property
    def goals(self) -> Sequence[Goal]:
        """The goals of the split; a goal's place is its index."""
        return self._goals

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None, session: int | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin with a goal: the start page, and what can be done there.

        ``session``, or ``options={"session": index}`` (``"goal"`` does as well), is the goal's index in the split.
        """
        super().reset(seed=seed)
        asked = options or {}
        wanted = session if session is not None else asked.get("session", asked.get("goal"))
        self._index = self._drawn() if wanted is None else int(wanted)
        if not 0 <= self._index < len(self._goals):
            raise ConfigError(
                f"there is no goal {self._index}", where="options", hint=f"give 0 to {len(self._goals) - 1}"
            )
        self._visit = Visit(self._shop, self._goals[self._index])
        self._steps = 0
        return self._text(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Do ``action``: the page, the reward of this step, whether something was bought, whether the steps ran out."""
        before, broken = self._visit.reward, False
        if not self._visit.done or self._shop.mode == "compat":
            self._steps += 1
            move, broken = self._read(action)
            if move is not None:
                self._visit.do(move)
        after = self._visit.reward
        reward = after.total if after is not None and after is not before else 0.0
        if self._protocol is not None and (broken or after is not before):
            reward = self._protocol.paid(self._visit, broken=broken)
        over = after is not None or broken
        return self._text(), reward, over, not over and self._steps >= self._config.turns_per_goal, self._info()

    def _read(self, action: str) -> tuple[Search | Click | None, bool]:
        """The move that an action is, and whether the protocol ends the episode for its form."""
        if self._protocol is not None:
            reading = self._protocol.read(action, self._visit)
            return (None if reading.broken else move_meant(reading.action, self._visit)), reading.broken
        compat = self._shop.mode == "compat"
        return (published_move(action) if compat else move_of(parse_brackets(action, TOOLS))), False

    def _drawn(self) -> int:
        """The index of a goal for whoever asks for none."""
        if self._config.protocol == "webshop":
            return by_weight(_weights_of(self._shop, self._split), self.np_random.uniform)
        return int(self.np_random.integers(len(self._goals)))

    def get_available_actions(self) -> dict[str, Any]:
        """``has_search_bar``, and ``clickables``: the texts that can be clicked."""
        visit = self._visit
        bar = self._shop.machine.search_bar(visit.state)
        return {"has_search_bar": bar, "clickables": list(visit.clickables)}

    def get_instruction_text(self) -> str:
        """What the customer wants."""
        return self._visit.goal.instruction

    def render(self) -> str:
        """The page as rich text, or as HTML."""
        if self.render_mode != "html":
            return self._visit.text("text_rich")
        state = self._visit.state
        product = self._shop.machine.products.get(state.asin or "")
        return markup(self._visit.page, state.page, product.image if product else "")

    def clone(self) -> Self:
        """The same moment once more: neither knows of the other's steps. Draws of goals go on alike in both."""
        return deepcopy(self)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        other = copy(self)
        other._visit = self._visit.clone()
        other._np_random = deepcopy(self._np_random)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Without goals and spaces, which are made anew from the settings."""
        left_out = ("_goals", "action_space", "observation_space")
        return {key: value for key, value in vars(self).items() if key not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._goals = goals_of(self._shop, self._split)
        self._set_spaces()

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def _set_spaces(self) -> None:
        self.observation_space = observation_space(self._shop, self._goals)
        self.action_space = action_space(self._shop, self._goals)

    def _text(self) -> str:
        if self._protocol is None:
            return self._visit.text(self._config.observation)
        left = self._config.turns_per_goal - self._steps
        first = self._protocol.first(self._visit, left) if not self._steps else self._protocol.show(self._visit, left)
        return self._protocol.wish(self._visit) if first is None else written_out(first)

    def _info(self) -> dict[str, Any]:
        visit = self._visit
        info = {"goal": self._index, "shop": self._shop.label, **self.get_available_actions()}
        return info if visit.reward is None else info | {"bought": visit.bought(), "parts": visit.reward.parts}


def goals_of(shop: Shop, split: Split) -> tuple[Goal, ...]:
    """The goals of a split of the shop's source, made once for a shop. Raises ``DataError``."""
    return _found(shop, split).goals


def _weights_of(shop: Shop, split: Split) -> Sequence[float]:
    """The sums of their weights, from 0."""
    return _found(shop, split).sums


@dataclass(frozen=True, slots=True)
class _Found:
    shop: Shop
    goals: tuple[Goal, ...]
    sums: tuple[float, ...]


def _found(shop: Shop, split: Split) -> _Found:
    found = _FOUND.get((id(shop), split))
    if found is None or found.shop is not shop:
        assert shop.source is not None  # it was opened from one
        goals = tuple(goal_of(objective) for objective in shop.source.objectives(split))
        found = _FOUND[id(shop), split] = _Found(shop, goals, (0.0, *accumulate(goal.weight for goal in goals)))
    return found


_FOUND: dict[tuple[int, Split], _Found] = {}
