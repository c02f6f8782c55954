"""``WebAgentTextEnv`` with the calls of the published one; importing this makes its id known to ``gymnasium.make``.

from mem1.webshop.dropin.original import WebAgentTextEnv   # for: from web_agent_site.envs import WebAgentTextEnv

env = WebAgentTextEnv(observation_mode="text", file_path="items_shuffle_1000.json")
page, _ = env.reset(session=7)
page, reward, done, info = env.step("search[argan oil hair oils]")
"""

from __future__ import annotations

import random
import string
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import gymnasium
from gymnasium.spaces import Text

from mem1.errors import ConfigError
from mem1.webshop.dropin.register import register_original
from mem1.webshop.dropin.server import GoalFilter, ServerSettings, ShopServer, published_goal
from mem1.webshop.shop.gym import action_space, observation_space
from mem1.webshop.shop.markup import markup
from mem1.webshop.shop.moves import published_move
from mem1.webshop.shop.visit import Visit

ObservationMode = Literal["html", "text", "text_rich", "url"]
BASE = "http://127.0.0.1:3000"
_SEP = " [SEP] "


class WebAgentTextEnv(gymnasium.Env[str, str]):
    """The published text environment in the ``compat`` shop: ``reset`` gives (page, None), ``step`` four things.

    Arguments are the published ones, and those of verl-agent's copy (``attr_path``, ``seed``). With ``seed`` the goals
    stand in the order of that seed, and the shop starts over by itself after a purchase, as it does there. ``server``:
    what other environments have too; without it all environments of the same settings in a process share one index.
    ``num_prev_obs``, ``num_prev_actions``: how many earlier pages and actions stand before each page.

    A session named by a number (also one of numpy's) has the goal of that index; one named by a text, or not at all, a
    goal drawn by weight, which it keeps. An action is ``search[words]`` or ``click[thing]``; anything else changes
    nothing.

    Raises ``Mem1Error`` for what cannot be opened, ``ConfigError`` for ``get_image``: the features are not published.
    """

    metadata: dict[str, Any] = {"render_modes": [], "render_fps": 1}  # noqa: RUF012  as its base declares it
    action_space: Text
    observation_space: Text

    def __init__(
        self,
        observation_mode: ObservationMode = "html",
        file_path: str | Path | None = None,
        server: ShopServer | None = None,
        *,
        attr_path: str | Path | None = None,
        filter_goals: GoalFilter | None = None,
        limit_goals: int = -1,
        num_products: int | None = None,
        human_goals: bool | int | None = None,
        session: str | None = None,
        session_prefix: str | None = None,
        show_attrs: bool = False,
        num_prev_obs: int = 0,
        num_prev_actions: int = 0,
        get_image: bool | int = False,
        seed: int | None = None,
        nouns: str = "auto",
    ) -> None:
        if observation_mode not in get_args(ObservationMode):
            raise ConfigError(
                f"Observation mode {observation_mode} not supported.",
                where="observation_mode",
                hint=f"one of {', '.join(get_args(ObservationMode))}",
            )
        if get_image:
            raise ConfigError("there are no picture features here", where="get_image", hint="leave get_image out")
        settings = ServerSettings(
            file_path=file_path,
            attr_path=attr_path,
            human_goals=bool(human_goals),
            num_products=num_products,
            filter_goals=filter_goals,
            limit_goals=limit_goals,
            show_attrs=show_attrs,
            nouns=nouns,
        )
        if seed is not None:
            settings = replace(settings, seed=seed)
        self.server = ShopServer(settings) if server is None else server
        self.observation_mode = observation_mode
        self.session = session
        self.session_prefix = session_prefix
        self.num_prev_obs = num_prev_obs
        self.num_prev_actions = num_prev_actions
        self.action_space = action_space(self.server.shop)
        self.observation_space = observation_space(self.server.shop)
        self.prev_obs: list[str] = []
        self.prev_actions: list[str] = []
        self.instruction_text = ""
        self._starts_over = seed is not None
        self._rng = random.Random(seed)
        self._own_name: str | None = None
        WebAgentTextEnv.reset(self)

    def reset(  # type: ignore[override]  # the published call, not gymnasium's
        self, session: str | int | None = None, instruction_text: str | None = None
    ) -> tuple[str, None]:
        """Begin a session: the start page. ``instruction_text`` is what ``state`` then says the customer wants."""
        self._forget()
        drawn = "".join(self._rng.choices(string.ascii_lowercase, k=10)) if session is None else str(session)
        name = (self.session_prefix or "") + drawn
        self._own_name = name if session is None else None
        sessions = self.server.user_sessions
        if name not in sessions:
            by_name = session is None or isinstance(session, str)
            goal = self.server.goal(self.server.drawn(self._rng) if by_name else int(session or 0))
            sessions[name] = {"goal": published_goal(goal), "object": goal, "done": False}
        self.session = name
        self._visit = Visit(self.server.shop, sessions[name]["object"])
        self._note()
        self.instruction_text = self.get_instruction_text() if instruction_text is None else instruction_text
        page = self.observation
        self.prev_obs, self.prev_actions = [page], []
        return page, None

    def step(self, action: str) -> tuple[str, float, bool, Any]:  # type: ignore[override]  # four things, as published
        """Do ``action``: the page, what it earned, whether something was bought, and ``None``."""
        reward, done = self._act(action)
        page = self.observation
        before = [page]
        self.prev_actions.append(action)
        for back in range(1, 1 + max(self.num_prev_obs, self.num_prev_actions)):
            if len(self.prev_actions) >= back <= self.num_prev_actions:
                before.append(self.prev_actions[-back])
            if len(self.prev_obs) >= back <= self.num_prev_obs:
                before.append(self.prev_obs[-back])
        self.prev_obs.append(page)
        if done and self._starts_over:
            self.reset()
        return _SEP.join(reversed(before)), reward, done, None

    def _act(self, action: str) -> tuple[float, bool]:
        earlier, move = self._visit.reward, published_move(action)
        if move is not None:
            self._visit.do(move)
        reward = self._visit.reward
        self._note()
        return (0.0, False) if reward is None or reward is earlier else (reward.total, True)

    @property
    def visit(self) -> Visit:
        """The visit behind the texts."""
        return self._visit

    @property
    def observation(self) -> str:
        """The page, in the observation mode."""
        match self.observation_mode:
            case "html":
                return self._html()
            case "url":
                return self._url()
            case "text" | "text_rich" as look:
                return self._visit.text(look)

    @property
    def state(self) -> dict[str, str]:
        """Everything: ``url``, ``html``, ``instruction_text``."""
        return {"url": self._url(), "html": self._html(), "instruction_text": self.instruction_text}

    def get_available_actions(self) -> dict[str, Any]:
        """``has_search_bar``, and ``clickables``: the texts that can be clicked."""
        visit = self._visit
        bar = visit.shop.machine.search_bar(visit.state)
        return {"has_search_bar": bar, "clickables": list(visit.clickables)}

    def get_instruction_text(self) -> str:
        """What the customer wants, behind the label that the page gives it."""
        return f"Instruction: {self._visit.goal.instruction}"

    def clone(self) -> Self:
        """The same moment once more, for a search through what could be done: neither knows of the other's steps."""
        other = copy(self)
        other._visit = self._visit.clone()
        other.prev_obs, other.prev_actions = list(self.prev_obs), list(self.prev_actions)
        other._rng = random.Random()
        other._rng.setstate(self._rng.getstate())
        other.session = other._own_name = f"{self.session}-{''.join(random.choices(string.ascii_lowercase, k=10))}"
        other.server.user_sessions[other.session] = dict(self.server.user_sessions[str(self.session)])
        return other

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self.clone()

    def __getstate__(self) -> dict[str, Any]:
        """Without what the other process makes anew; this session goes along, other ones stay."""
        kept = {key: value for key, value in vars(self).items() if not key.endswith("_space")}
        return kept | {"_here": self.server.user_sessions.get(str(self.session), {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        here = state.pop("_here")
        vars(self).update(state)
        self.server.user_sessions[str(self.session)] = here
        self.action_space = action_space(self.server.shop)
        self.observation_space = observation_space(self.server.shop)

    def render(self, mode: str = "human") -> None:
        """Nothing."""

    def close(self) -> None:
        """End the session."""
        self._forget()

    def _forget(self) -> None:
        """A session that nobody named is not asked for again."""
        if self._own_name is not None:
            self.server.user_sessions.pop(self._own_name, None)

    def _note(self) -> None:
        """Keep what the published server keeps of a session."""
        state, reward = self._visit.state, self._visit.reward
        begun = bool(state.address)
        self.server.user_sessions[str(self.session)] |= {
            "keywords": state.words.split(" ") if begun else None,
            "page": state.number if begun else None,
            "asin": state.asin,
            "asins": set(state.visited),
            "options": dict(state.options),
        }
        if reward is not None:
            parts = {"done": True, "reward": reward.total, "verbose_info": reward.parts}
            self.server.user_sessions[str(self.session)] |= parts

    def _url(self) -> str:
        kind, _, rest = self._visit.state.address.partition("//")
        return f"{BASE}/{kind}/{self.session}/{rest}" if kind else f"{BASE}/{self.session}"

    def _html(self) -> str:
        visit = self._visit
        product = visit.shop.machine.products.get(visit.state.asin or "")
        return markup(visit.page, visit.state.page, product.image if product else "")


register_original()
