"""Shopping as an environment for the episode loop: one thing to buy, or several one after the other."""

from __future__ import annotations

import operator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from mem1.actions import ActionForm
from mem1.types import Action, Answer, Malformed, Observation, Score, Task, ToolCall
from mem1.webshop.catalogue.source import goal_of
from mem1.webshop.shop.basket import Basket, remembered
from mem1.webshop.shop.kinds import Look
from mem1.webshop.shop.moves import TOOLS, Click, Search, move_of
from mem1.webshop.shop.prompts import render_prompt
from mem1.webshop.shop.purchases import Purchase, nothing, purchase_of, scored
from mem1.webshop.shop.visit import Shop, Visit, as_shown


class ShopEnvironment:
    """One episode of shopping (an ``Environment``). Each goal of the task has a visit and a turn limit of its own.

    A task that is a bundle (``catalogue/bundles.py``) is bought from one budget, and its goals stand as earlier
    purchases left them. Its score has ``r_link`` too, the share of options chosen as earlier things decide, and
    ``unbroken``: 1 where this goal and all before it succeeded.
    """

    tools = TOOLS
    takes_answer = False

    def __init__(
        self,
        task: Task,
        shop: Shop,
        *,
        turns_per_goal: int = 10,
        look: Look = "text",
        form: ActionForm = "tags",
        prompt: str | Path = "instruct",
    ) -> None:
        self.task = task
        self._shop = shop
        self._limit = turns_per_goal
        self._look = look
        self._form = form
        self._prompt = prompt
        self._goals = tuple(goal_of(objective) for objective in task.objectives)
        self._purchases: list[Purchase] = []
        self._basket = Basket.of(task)
        self._visit = self._begun(0)
        self._turns = 0

    @property
    def max_turns(self) -> int:
        """Turns of the whole episode."""
        return self._limit * self.task.size

    @property
    def objective(self) -> int:
        """Index of the goal being worked on."""
        return min(len(self._purchases), self.task.size - 1)

    @property
    def visit(self) -> Visit:
        """The visit for that goal."""
        return self._visit

    @property
    def answers(self) -> tuple[str | None, ...]:
        """What was bought for each goal, ``None`` where nothing was."""
        bought = tuple(purchase.what for purchase in self._purchases)
        return (*bought, *[None] * (self.task.size - len(bought)))

    def reset(self) -> tuple[str, Observation | None]:
        """The prompt, and the start page with the first wish on it."""
        return render_prompt(self._prompt, self.task, self._form, bundle=self._basket is not None), self._observation()

    async def step(self, action: Action) -> Observation:
        """Search, click, or say what an action looks like."""
        if len(self._purchases) >= self.task.size:
            return Observation(head="Everything was bought.", done=True)
        self._turns += 1
        match action:
            case Malformed(reason=reason):
                said = f"No action was taken: {reason}"
            case Answer():
                said = "answer is not possible here"
            case ToolCall(name=name):
                said = self._move(name, move_of(action))
        if self._visit.done:
            return self._next("Bought.", spent=False)
        if self._turns >= self._limit:
            return self._next("No turns left: nothing was bought.", spent=True)
        return self._observation(said)

    def _move(self, name: str, move: Search | Click | None) -> str:
        """Do it; what is said about it, if it could not be done."""
        if move is None:
            return f"{name} is not possible here"
        if isinstance(move, Click) and move.target.lower() not in self._visit.clickables:
            move = Click(as_shown(move.target))
        return "" if self._visit.do(move) else _not_offered(move)

    def score(self) -> Score:
        """What was bought so far: ``success`` (a reward of 1), the reward itself (``score``), and what it is made of.

        A goal that nothing was bought for has 0 in all of them.
        """
        purchases = [*self._purchases, *map(self._not_reached, range(len(self._purchases), self.task.size))]
        bundle = "; a bundle" if self._basket is not None else ""
        score = scored(purchases, f"webshop: {self._shop.label}; {self._limit} steps a goal{bundle}")
        if self._basket is None:
            return score
        whole = accumulate((purchase.success for purchase in purchases), operator.and_)
        return score.model_copy(update={"metrics": {**score.metrics, "unbroken": tuple(map(float, whole))}})

    def _not_reached(self, number: int) -> Purchase:
        purchase = nothing(self._goals[number])
        return purchase if self._basket is None else self._linked(purchase, number, None)

    def _begun(self, number: int) -> Visit:
        objective = self.task.objectives[number]
        return Visit(self._shop, self._goals[number] if self._basket is None else self._basket.goal(objective))

    def _next(self, said: str, *, spent: bool) -> Observation:
        """Close this goal and go on to the next, if there is one."""
        said += self._put_in(purchase_of(self._visit))
        self._turns = 0
        if len(self._purchases) >= self.task.size:
            return Observation(head=said, done=True, spent=spent)
        self._visit = self._begun(len(self._purchases))
        return self._observation(f"{said} The next wish:")

    def _put_in(self, purchase: Purchase) -> str:
        """Keep what came of the goal; what is said about its price in a bundle."""
        number = len(self._purchases)
        if self._basket is None:
            self._purchases.append(purchase)
            return ""
        self._purchases.append(self._linked(purchase, number, self._visit))
        price = self._basket.take(self._visit)
        return "" if price is None else f" It cost ${price:.2f}."

    def _linked(self, purchase: Purchase, number: int, visit: Visit | None) -> Purchase:
        link = remembered(self.task.objectives[number], visit)
        return replace(purchase, parts={**purchase.parts, "r_link": link})

    def _observation(self, said: str = "") -> Observation:
        """The page; then, never cut, the turns left and what can be done."""
        left = self._limit - self._turns
        hint = "Turns left: 1, the purchase is due." if left == 1 else f"Turns left: {left}."
        words = ["Search is possible."] if self._shop.machine.search_bar(self._visit.state) else []
        offered = [one for one in self._visit.clickables if one != "search"]
        if offered:
            words.append(f"Can be clicked: {' '.join(f'[{one}]' for one in offered)}")
        return Observation(head=said, passages=(self._visit.text(self._look),), tail=" ".join([hint, *words]))


def _not_offered(action: Search | Click) -> str:
    return "There is no search on this page." if isinstance(action, Search) else "There is no such thing to click here."
