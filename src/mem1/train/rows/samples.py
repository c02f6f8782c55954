"""The reference definition of what is trained on: one sample per context the policy saw.

An episode is a sequence of contexts, not one growing text. A turn whose prompt extends the
previous turn's prompt + completion token for token belongs to the same context and is merged
with it; every other turn opens a new sample. So do side calls that the policy itself answered
(``calls.py``): what a memory asks between two turns is part of the policy. Token ids are used
exactly as they were sampled.

*Flat layout*: all sampled tokens of all episodes of a batch, concatenated, episodes in batch
order and tokens in time order. Every sampled token occurs in exactly one sample.
"""

from __future__ import annotations

from dataclasses import dataclass

from mem1.errors import DataError
from mem1.train.rows.calls import Written, written
from mem1.types import Episode


@dataclass(frozen=True, slots=True)
class Sample:
    """One context with everything the policy wrote in it.

    ``token_ids`` sit at positions 0, 1, 2, ... as they did when they were sampled. ``trained`` has
    one entry per token: true where the policy sampled it. ``flat`` holds the flat index of each
    trained token, in order. The first ``prefix_length`` tokens are the task prompt P. ``episode``
    is an index into the batch's episodes.
    """

    episode: int
    group: str
    token_ids: tuple[int, ...]
    prefix_length: int
    trained: tuple[bool, ...]
    flat: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.trained) == len(self.token_ids)
        assert sum(self.trained) == len(self.flat)

    @property
    def length(self) -> int:
        """Tokens in the context."""
        return len(self.token_ids)


def sampled_count(episode: Episode) -> int:
    """Number of tokens the policy sampled in ``episode`` (forced tokens are not counted)."""
    return sum(sum(call.sampled_mask) for call in written(episode))


def samples_of(episode: Episode, index: int, first_flat: int) -> list[Sample]:
    """The samples of one episode.

    Args:
        episode: A finished episode that did not fail.
        index: Its index in the batch.
        first_flat: Flat index of its first sampled token.

    Raises:
        DataError: The episode failed, or a token was sampled with nothing in front of it.
    """
    if episode.failed:
        raise DataError(
            f"episode {episode.id} failed ({episode.error and episode.error.type}) and cannot be trained on",
            where=f"episode {index} of the batch",
            hint="leave failed episodes out of the batch and count them",
        )
    samples: list[Sample] = []
    flat = first_flat
    for context in _contexts(written(episode)):
        token_ids = context[-1].prompt_token_ids + context[-1].completion_token_ids
        trained = [False] * len(token_ids)
        for call in context:
            start = len(call.prompt_token_ids)
            trained[start : start + len(call.sampled_mask)] = call.sampled_mask
        count = sum(trained)
        if not count:
            continue
        if trained[0]:
            raise DataError(
                f"turn {context[0].turn} of episode {episode.id} has an empty prompt, nothing to predict from",
                where=f"episode {index} of the batch",
                hint="start every context with at least one token",
            )
        samples.append(
            Sample(
                episode=index,
                group=episode.group_id,
                token_ids=token_ids,
                prefix_length=context[0].prefix_length,
                trained=tuple(trained),
                flat=tuple(range(flat, flat + count)),
            )
        )
        flat += count
    return samples


def _contexts(calls: list[Written]) -> list[list[Written]]:
    """Completions in time order, gathered while each prompt extends the sequence before it."""
    contexts: list[list[Written]] = []
    sequence: tuple[int, ...] = ()
    for call in calls:
        if contexts and call.prompt_token_ids[: len(sequence)] == sequence:
            contexts[-1].append(call)
        else:
            contexts.append([call])
        sequence = call.prompt_token_ids + call.completion_token_ids
    return contexts
