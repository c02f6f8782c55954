"""What all memory policies have in common: the sections of a turn and how to read and show one.

Strategies differ in the context they build, and in nothing else: budgets, tags, stops and the
look of an observation are the same for all of them.
"""

from __future__ import annotations

from pydantic import Field

from mem1.config import Config
from mem1.errors import ConfigError, ModelError
from mem1.inference.base import Section, Tokenizer
from mem1.memory.base import ParsedTurn, RenderedObservation
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
from mem1.types import Completion, FinishReason, Observation


class Budgets(Config):
    """Hard limits of one turn, in tokens, tags included."""

    state: int = Field(default=800, gt=0)
    action: int = Field(default=200, gt=0)
    observation: int = Field(default=1000, gt=0)


class TurnFormat:
    """Sections, reading and showing for one tokenizer.

    Raises:
        ConfigError: A budget has no room for the tags it must hold.
        ModelError: The tokenizer cannot write the tags.
    """

    def __init__(self, tokenizer: Tokenizer, tags: Tags, budgets: Budgets) -> None:
        check_tags(tokenizer, tags)
        self.tokenizer = tokenizer
        self.tags = tags
        self.budgets = budgets
        self.sections = _sections(tokenizer, tags, budgets)
        self._observations = BlockWriter(tokenizer, tags, budgets.observation)

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
            border = max(text.rfind(self.tags.opening(name)) for name in self.tags.actions.values())
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


def check_tags(tokenizer: Tokenizer, tags: Tags) -> None:
    """Refuse a tokenizer with which no policy could write or close a block (``ModelError``).

    Word pieces put blanks between signs, and a folding of letters loses capitals: the tags would be looked for in
    what a policy writes and never be found.
    """
    for tag in tags.control_strings:
        ids = tokenizer.encode(tag)
        made = tokenizer.decode([*tokenizer.encode("a"), *ids, *tokenizer.encode("b")])
        if tag not in tokenizer.decode(ids) or tag not in made:
            raise ModelError(
                f"the tokenizer cannot write the tag {tag!r}: it makes {tokenizer.decode(ids)!r} of it",
                where="tokenizer",
                hint="use a model with a byte-level or SentencePiece tokenizer, or tags that this one can write "
                "(memory.tags)",
            )


def _sections(tokenizer: Tokenizer, tags: Tags, budgets: Budgets) -> tuple[Section, Section]:
    actions = tuple(tags.closing(name) for name in tags.actions.values())
    end_of_state = tags.closing(tags.state)
    closing = tuple(tokenizer.encode(end_of_state))
    if budgets.state <= len(closing):
        raise ConfigError(
            f"a state of {budgets.state} tokens has no room beside its closing tag of {len(closing)}",
            where="memory.budgets.state",
            hint=f"give it more than {len(closing)} tokens",
        )
    return (
        Section(name="state", stops=(end_of_state,), final_stops=actions, budget=budgets.state, closing=closing),
        Section(name="action", stops=(), final_stops=actions, budget=budgets.action),
    )
