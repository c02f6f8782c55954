"""What the policy wrote in an episode, in time order: its turns, and the side calls of the memory that it answered."""

from __future__ import annotations

from dataclasses import dataclass

from mem1.types import Episode, SideCall, Turn


@dataclass(frozen=True, slots=True)
class Written:
    """A completion of the policy's and the context it was sampled in.

    ``turn`` is the index of the turn it belongs to; a side call belongs to the turn that it was made for, and one that
    no turn followed any more to the last. The first ``state_length`` tokens are a turn's state; a side call has none.
    """

    turn: int
    prompt_token_ids: tuple[int, ...]
    prefix_length: int
    completion_token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    sampled_mask: tuple[bool, ...]
    policy_version: int
    state_length: int = 0


def written(episode: Episode) -> list[Written]:
    """All of it that can be trained on: side calls only where it is known what was sampled (``SideCall``)."""
    found: list[Written] = []
    position = 0
    for call in episode.calls:
        if isinstance(call, Turn):
            found.append(_as_written(call, position))
            position += 1
        elif call.sampled_mask and episode.turns:
            found.append(_as_written(call, min(position, len(episode.turns) - 1)))
    return found


def _as_written(call: Turn | SideCall, turn: int) -> Written:
    return Written(
        turn=turn,
        prompt_token_ids=call.prompt_token_ids,
        prefix_length=call.prefix_length,
        completion_token_ids=call.completion_token_ids,
        logprobs=call.logprobs,
        sampled_mask=call.sampled_mask,
        policy_version=call.policy_version,
        state_length=call.state_length if isinstance(call, Turn) else 0,
    )


def without_side_calls(episode: Episode) -> Episode:
    """``episode`` with nothing to train on in its side calls."""
    if not any(call.sampled_mask for call in episode.side_calls):
        return episode
    return episode.model_copy(update={"side_calls": tuple(call.untold for call in episode.side_calls)})
