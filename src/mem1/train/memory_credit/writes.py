"""What each turn of an episode did to memory, read off the contexts that followed it. No torch here."""

from __future__ import annotations

from mem1.train.memory_credit.config import Ids, Write
from mem1.types import Episode, Turn


def writes(episode: Episode) -> list[Write | None]:
    """One for each turn; ``None`` for the last, whose page nobody read.

    What was remembered at a turn is its context behind P, less the newest observation at its end and the action before
    that. So it holds for every memory that lays the newest observation down last.
    """
    turns = episode.turns
    remembered: list[Ids] = []
    behind: list[Ids] = []
    for index, turn in enumerate(turns):
        page, rest = _taken_apart(turn, turns[index - 1] if index else None)
        remembered.append(page)
        behind.append(rest)
    found: list[Write | None] = [
        Write(
            prompt=turns[index + 1].prompt_token_ids[: turns[index + 1].prefix_length],
            before=remembered[index],
            after=remembered[index + 1],
            behind=behind[index + 1],
        )
        for index in range(len(turns) - 1)
    ]
    return [*found, None] if turns else []


def _taken_apart(turn: Turn, before: Turn | None) -> tuple[Ids, Ids]:
    """What is remembered in a turn's context, and what stands behind it. Before the first turn nothing is."""
    carried = turn.prompt_token_ids[turn.prefix_length :]
    if before is None:
        return (), carried
    end = len(carried) - min(before.observation_length, len(carried))
    action = before.completion_token_ids[before.state_length :]
    if action and carried[:end][-len(action) :] == action:
        end -= len(action)
    return carried[:end], carried[end:]
