"""What all memory policies have in common: the sections of a turn and how to read and show one.

Strategies differ in the context they build, and in nothing else: budgets, tags, stops and the
look of an observation are the same for all of them.
"""

from __future__ import annotations

from pydantic import Field

from mem1.actions import ActionFormat
from mem1.config import Config
from mem1.errors import ConfigError, ModelError
from mem1.inference.base import Section, Tokenizer
from mem1.memory.base import ParsedTurn, RenderedObservation
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
from mem1.types import Completion, FinishReason, Observation


class Each(Config):
    """Tokens that a budget has more for each objective of the task."""

    state: int = Field(default=0, ge=0)
    action: int = Field(default=0, ge=0)


class Budgets(Config):
    """Hard limits of one turn, in tokens, tags included.

    ``each``: what a task's objectives add. ``{ state = 60, action = 60, each = { state = 12, action = 12 } }`` allows a
    page of 60 + 12 N tokens where N objectives are asked, so that the bound is a constant for every task.
    """

    state: int = Field(default=800, gt=0)
    action: int = Field(default=200, gt=0)
    observation: int = Field(default=1000, gt=0)
    each: Each = Each()

    def at(self, objectives: int) -> Budgets:
        """The limits in a task of so many objectives."""
        if self.each == Each():
            return self
        state, action = self.each.state * objectives, self.each.action * objectives
        return Budgets(state=self.state + state, action=self.action + action, observation=self.observation)


class TurnFormat:
    """Sections, reading and showing for one tokenizer and one way to write actions.

    Raises:
        ConfigError: A budget has no room for the tags it must hold, or an action has the tag of another block.
        ModelError: The tokenizer cannot write the tags.
    """

    def __init__(self, tokenizer: Tokenizer, tags: Tags, budgets: Budgets, actions: ActionFormat) -> None:
        _keep_apart(tags, actions)
        check_tags(tokenizer, tags, actions.control_strings)
        self.tokenizer = tokenizer
        self.tags = tags
        self.budgets = budgets
        self.actions = actions
        self.sections = _sections(tokenizer, tags, budgets, actions)
        self._observations = BlockWriter(tokenizer, tags, budgets.observation, actions=actions.control_strings)

    def writer(self, tag: str, budget: int, *, where: str) -> BlockWriter:
        """Writes blocks of ``tag`` in ``budget`` tokens, which ``where`` names in the configuration."""
        control = self.actions.control_strings
        return BlockWriter(self.tokenizer, self.tags, budget, tag=tag, where=where, actions=control)

    def split(self, completion: Completion) -> ParsedTurn:
        """A completion as state and action.

        The border is a border of characters: a token such as ``><`` that closes the state and begins
        the action's tag belongs to both texts. A policy that acts before it closes its state has
        written its action where the last action tag opens.
        """
        text = self.tokenizer.decode(completion.token_ids)
        state_length = completion.section_ends[0]
        ended_in_state = len(completion.section_ends) == 1
        if ended_in_state and completion.finish is FinishReason.STOP:
            border = max((text.rfind(opening) for opening in self.actions.openings), default=-1)
            border = border if border >= 0 else len(text)
        elif ended_in_state:
            border = len(text)
        else:
            closing = self.tags.closing(self.tags.state)
            border = text.index(closing) + len(closing)
        return ParsedTurn(state=text[:border], action_text=text[border:], state_length=state_length)

    def show(self, observation: Observation) -> RenderedObservation:
        """An observation as the policy will see it."""
        return self._observations(observation)


def _keep_apart(tags: Tags, actions: ActionFormat) -> None:
    taken = [name for name in (tags.state, tags.observation) if tags.opening(name) in actions.control_strings]
    if taken:
        raise ConfigError(
            f"an action is written with the tag {taken[0]!r}, which has another meaning",
            where="memory.tags",
            hint=f"give the tool another tag: memory.tags.tools = {{ {taken[0]} = ... }}",
        )


def check_tags(tokenizer: Tokenizer, tags: Tags, actions: tuple[str, ...] = ()) -> None:
    """Refuse a tokenizer with which no policy could write or close a block (``ModelError``).

    Word pieces put blanks between signs, and a folding of letters loses capitals: the tags would be looked for in
    what a policy writes and never be found. ``actions``: the tags of actions, beside those of ``tags``.
    """
    for tag in dict.fromkeys((*tags.control_strings, *actions)):
        ids = tokenizer.encode(tag)
        made = tokenizer.decode([*tokenizer.encode("a"), *ids, *tokenizer.encode("b")])
        if tag not in tokenizer.decode(ids) or tag not in made:
            raise ModelError(
                f"the tokenizer cannot write the tag {tag!r}: it makes {tokenizer.decode(ids)!r} of it",
                where="tokenizer",
                hint="use a model with a byte-level or SentencePiece tokenizer, or tags that this one can write "
                "(memory.tags)",
            )


def _sections(tokenizer: Tokenizer, tags: Tags, budgets: Budgets, actions: ActionFormat) -> tuple[Section, Section]:
    end_of_state = tags.closing(tags.state)
    closing = tuple(tokenizer.encode(end_of_state))
    if budgets.state <= len(closing):
        raise ConfigError(
            f"a state of {budgets.state} tokens has no room beside its closing tag of {len(closing)}",
            where="memory.budgets.state",
            hint=f"give it more than {len(closing)} tokens",
        )
    return (
        Section(name="state", stops=(end_of_state,), final_stops=actions.stops, budget=budgets.state, closing=closing),
        Section(name="action", stops=(), final_stops=actions.stops, budget=budgets.action),
    )
