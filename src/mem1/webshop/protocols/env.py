"""One goal in the shop under a published protocol, as an environment for the episode loop."""

from __future__ import annotations

from pathlib import Path

from mem1.errors import ConfigError
from mem1.types import Action, Answer, Observation, Score, Task, ToolSpec
from mem1.webshop.catalogue.source import goal_of
from mem1.webshop.protocols.base import move_meant
from mem1.webshop.protocols.named import protocol
from mem1.webshop.shop.kinds import Look, ProtocolName
from mem1.webshop.shop.prompts import in_prompt
from mem1.webshop.shop.purchases import purchase_of, scored
from mem1.webshop.shop.visit import Shop, Visit


class ProtocolEnvironment:
    """One episode (an ``Environment``).

    Beside the shop's metrics the score has ``paid``, what the protocol's training is paid, and ``valid``, the share of
    turns with what the protocol counts as a valid action.

    Raises ``ConfigError`` for a task of several goals: the protocols know none.
    """

    tools: tuple[ToolSpec, ...] = ()
    takes_answer = True

    def __init__(
        self,
        task: Task,
        shop: Shop,
        *,
        name: ProtocolName,
        turns: int,
        look: Look = "text",
        prompt: str | Path = "instruct",
    ) -> None:
        if task.size != 1:
            raise ConfigError(
                f"the protocol {name!r} has one goal an episode, not {task.size}",
                where="env.protocol",
                hint="set tasks.objectives = 1, evaluate.horizons = [1] and evaluate.session_objectives = 0",
            )
        self.task = task
        self._name = name
        self._protocol = protocol(name, look)
        self._limit = turns
        self._prompt = prompt
        self._visit = Visit(shop, goal_of(task.objectives[0]))
        self._turns = 0
        self._valid = 0
        self._broken = False

    @property
    def max_turns(self) -> int:
        """The protocol's limit of steps, unless another was set."""
        return self._limit

    @property
    def objective(self) -> int:
        """0."""
        return 0

    @property
    def visit(self) -> Visit:
        """The visit behind the texts."""
        return self._visit

    @property
    def answers(self) -> tuple[str | None, ...]:
        """What was bought, ``None`` where nothing was."""
        return (self._visit.bought() if self._visit.done else None,)

    def reset(self) -> tuple[str, Observation | None]:
        """The prompt with the goal; the start page, where the protocol shows it."""
        prompt = in_prompt(self._prompt, self._protocol.wish(self._visit), rules=self._protocol.rules())
        return prompt, self._protocol.first(self._visit, self._limit)

    async def step(self, action: Action) -> Observation:
        """Read the turn and do what it says."""
        if self._visit.done or self._broken:
            return Observation(head="", done=True)
        self._turns += 1
        reading = self._protocol.read(action.text if isinstance(action, Answer) else "", self._visit)
        self._broken = reading.broken
        self._valid += reading.valid and not reading.broken
        move = None if reading.broken else move_meant(reading.action, self._visit)
        if move is not None:
            self._visit.do(move)
        if self._broken or self._visit.done:
            return Observation(head="", done=True, spent=self._broken)
        left = self._limit - self._turns
        shown = self._protocol.show(self._visit, left)
        return shown if left > 0 else shown.model_copy(update={"done": True, "spent": True})

    def score(self) -> Score:
        """What was bought, what the protocol pays for it, and how many turns were valid."""
        label = f"webshop: {self._visit.shop.label}; protocol {self._name}; {self._limit} steps a goal"
        score = scored([purchase_of(self._visit)], label)
        paid = self._protocol.paid(self._visit, broken=self._broken)
        valid = self._valid / self._turns if self._turns else 0.0
        return score.model_copy(update={"metrics": {**score.metrics, "paid": (paid,), "valid": (valid,)}})
