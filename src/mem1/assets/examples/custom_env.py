"""An environment of your own: guess numbers, told no more than "higher" or "lower".

    python examples/custom_env.py

An environment decides what the agent is shown and when a task is over, and scores it; memory, parsing, budgets and
records are the program's. The policy here is a script, so that this runs in seconds without a model. It sees what a
model would see, its own last page included, and has no other memory.
"""

from __future__ import annotations

import asyncio
import re

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import make_task
from mem1.types import Action, Answer, Composition, Objective, Observation, Score, Task, ToolCall, text_tool

HIGHEST = 1000
COMPARE = text_tool("compare", "number", "learn whether the number looked for is higher")


class Guessing:
    """One episode: the numbers of a task, one after the other (an ``Environment``)."""

    tools = (COMPARE,)
    takes_answer = True

    def __init__(self, task: Task) -> None:
        self.task = task
        self.max_turns = 12 * task.size
        self._given: list[str] = []

    @property
    def objective(self) -> int:
        """The number being guessed."""
        return min(len(self._given), self.task.size - 1)

    @property
    def answers(self) -> tuple[str | None, ...]:
        """What was answered so far."""
        return (*self._given, *[None] * (self.task.size - len(self._given)))

    def reset(self) -> tuple[str, Observation | None]:
        """The task prompt, and what is shown first."""
        return "Compare a number with mine to learn whether mine is higher. Answer when you know it.\n", self._ask()

    async def step(self, action: Action) -> Observation:
        """Compare, or take the answer and go on to the next number."""
        match action:
            case ToolCall(arguments={"number": str(number)}) if number.isdecimal():
                secret, guess = int(self.task.objectives[self.objective].answers[0]), int(number)
                return Observation(head="higher" if secret > guess else "lower" if secret < guess else "equal")
            case Answer(text=text):
                self._given.append(text)
                return Observation(head="", done=True) if len(self._given) == self.task.size else self._ask()
            case _:
                return Observation(head="Compare a number, please.")

    def score(self) -> Score:
        """Exact match and F1 for each number."""
        return StandardScorer()(self.task, self.answers)

    def _ask(self) -> Observation:
        return Observation(head=self.task.objectives[self.objective].question)


def bisect(session: str, context: str) -> str:
    """The policy: the page holds the interval and the last guess, the observation says which half is left."""
    shown = context[context.rfind("<information>") :]
    pages = re.findall(r"<think>(\d+) to (\d+), guess (\d+)</think>", context)
    low, high, guess = (0, HIGHEST, -1) if "Which number" in shown else (int(number) for number in pages[-1])
    if "higher" in shown:
        low = guess + 1
    elif "lower" in shown:
        high = guess - 1
    middle = guess if "equal" in shown else (low + high) // 2
    tag = "answer" if "equal" in shown or low == high else "compare"
    return f"<think>{low} to {high}, guess {middle}</think><{tag}>{middle}</{tag}>"


def main() -> None:
    """Ever longer tasks, all in flight at once."""
    numbers = [(617 * i + 101) % (HIGHEST + 1) for i in range(64)]
    objectives = [Objective(id=str(n), question="Which number?", answers=(str(n),), source="guess") for n in numbers]
    tasks = [make_task(objectives[:size], Composition.SEQUENTIAL, "test") for size in (1, 4, 16, 64)]
    memory = StateMemoryConfig(budgets=Budgets(state=32, action=16, observation=24)).build()
    parts = RolloutContext(
        ScriptedEngine(bisect), Guessing, memory, temperature=0.0, reward=lambda score: score.total("em")
    )
    print(f"proven bound: {memory(parts.engine.tokenizer).bound()} tokens beside the prompt")
    for episode in asyncio.run(run_requests(group_requests(tasks, 1, seed=0, label="guess"), parts, concurrency=4)):
        turns, peak = len(episode.turns), episode.peak_without_prompt
        print(f"{episode.task.size} numbers: {episode.reward:g} right in {turns} turns, peak {peak} tokens")


if __name__ == "__main__":
    main()
