"""What one episode cost: context, tokens, turns, time."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.measures import Measure
from mem1.types import Click, Episode, Malformed, Open, Search, StopReason, Turn


def efficiency(episode: Episode) -> dict[Measure, float | None]:
    """Costs of ``episode``, failed or not; without a single turn everything but time is ``None``.

    ``EARLY_STOP`` is 1 when the policy itself ended the episode after fewer look-ups (search, open,
    click) than there are objectives: a low peak bought by not working is then visible.
    """
    turns, size = episode.turns, episode.task.size
    if not turns:
        return dict.fromkeys(_MEASURES) | {Measure.SECONDS: episode.seconds}
    lookups = sum(isinstance(turn.action, Search | Open | Click) for turn in turns)
    malformed = sum(isinstance(turn.action, Malformed) for turn in turns)
    return {
        Measure.TURNS: len(turns),
        Measure.ACTIONS_PER_OBJECTIVE: (len(turns) - malformed) / size,
        Measure.SEARCHES_PER_OBJECTIVE: sum(isinstance(turn.action, Search) for turn in turns) / size,
        Measure.EARLY_STOP: float(episode.stop is StopReason.ANSWERED and lookups < size),
        Measure.MALFORMED: malformed / len(turns),
        Measure.PEAK: episode.peak,
        Measure.PEAK_WITHOUT_PROMPT: episode.peak_without_prompt,
        Measure.STATE_LENGTH: sum(turn.state_length for turn in turns) / len(turns),
        Measure.FORCED: sum(state_was_forced(turn) for turn in turns) / len(turns),
        Measure.DEPENDENCY: dependency(turns),
        Measure.PREFILL: sum(len(turn.prompt_token_ids) for turn in turns),
        Measure.PREFILL_REUSED: prefill_reused(turns),
        Measure.DECODE: sum(len(turn.completion_token_ids) for turn in turns),
        Measure.SECONDS: episode.seconds,
    }


_MEASURES = (
    Measure.TURNS,
    Measure.ACTIONS_PER_OBJECTIVE,
    Measure.SEARCHES_PER_OBJECTIVE,
    Measure.EARLY_STOP,
    Measure.MALFORMED,
    Measure.PEAK,
    Measure.PEAK_WITHOUT_PROMPT,
    Measure.STATE_LENGTH,
    Measure.FORCED,
    Measure.DEPENDENCY,
    Measure.PREFILL,
    Measure.PREFILL_REUSED,
    Measure.DECODE,
)


def dependency(turns: Sequence[Turn]) -> float:
    """Sum over generated blocks of ``(n_prefix + n_out / 2) * n_out``, in tokens squared.

    MEM1 (arXiv 2506.15841), section on metrics. The formula adds up exactly when a block is split
    in two, so that it does not matter whether state and action count as one block or as two.
    """
    return sum(
        (len(turn.prompt_token_ids) + len(turn.completion_token_ids) / 2) * len(turn.completion_token_ids)
        for turn in turns
    )


def prefill_reused(turns: Sequence[Turn]) -> int:
    """Prompt tokens an engine must read when it keeps the last turn's key-value cache.

    Each turn pays for its prompt less the longest common prefix with the turn before (prompt +
    completion); at least one token is read, since an engine needs it for the first prediction.
    """
    total = 0
    before: tuple[int, ...] = ()
    for turn in turns:
        prompt = turn.prompt_token_ids
        total += max(len(prompt) - common_prefix(prompt, before), 1)
        before = prompt + turn.completion_token_ids
    return total


def common_prefix(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    """Length of the longest common prefix, by bisection over slices (compared at C speed)."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def state_was_forced(turn: Turn) -> bool:
    """Whether the state ran into its budget and was closed for the policy."""
    return not all(turn.sampled_mask[: turn.state_length])
