"""What memories have in common: prompt, sections, reading and showing. What is carried is left to each."""

from __future__ import annotations

from collections.abc import Collection

from mem1.actions import ActionFormat
from mem1.inference.base import Section
from mem1.memory.base import Ask, ParsedTurn, RenderedObservation
from mem1.memory.text.format import TurnFormat
from mem1.types import Action, Completion, Observation, ToolSpec


class TurnMemory:
    """Base of memories (a ``Memory``): subclasses say what is ``carried``, and take in what was ``wrote`` and ``saw``.

    It asks nobody, answers no action and has no bound, unless a subclass does.
    """

    name = "memory"

    def __init__(self, turn: TurnFormat) -> None:
        self._turn = turn
        self._prompt: tuple[int, ...] = ()

    # ---- for subclasses

    def forget(self) -> None:
        """An episode begins: nothing is carried."""

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """The policy wrote ``completion``."""
        raise NotImplementedError

    def saw(self, shown: RenderedObservation) -> None:
        """What came back, as the policy will see it."""
        raise NotImplementedError

    def carried(self) -> tuple[int, ...]:
        """The token ids that the next context holds behind P."""
        raise NotImplementedError

    # ---- a Memory

    @property
    def actions(self) -> ActionFormat:
        """How the policy writes what it does."""
        return self._turn.actions

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """None of its own."""
        return ()

    @property
    def offers(self) -> Collection[str]:
        """Nothing."""
        return ()

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""
        return len(self._prompt)

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._prompt = tuple(self._turn.tokenizer.encode(prompt))
        self.forget()
        if observation is not None:
            self.observe(observation)

    async def prepare(self, ask: Ask) -> None:
        """Nothing is to be done."""

    def context(self) -> tuple[int, ...]:
        """P and what is carried."""
        return self._prompt + self.carried()

    def sections(self) -> tuple[Section, ...]:
        """State, then action."""
        return self._turn.sections

    def read(self, completion: Completion) -> ParsedTurn:
        """Take in what the policy wrote."""
        written = self._turn.split(completion)
        self.wrote(completion, written)
        return written

    async def respond(self, action: Action) -> Observation | None:
        """``None``: every action is the environment's."""
        return None

    def observe(self, observation: Observation) -> RenderedObservation:
        """Take in what came back."""
        shown = self._turn.show(observation)
        self.saw(shown)
        return shown

    def bound(self) -> int | None:
        """``None``."""
        return None
