"""What one episode cost: context, tokens, turns, time. A memory's side calls cost what turns cost."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.measures import Measure
from mem1.types import Episode, Malformed, SideCall, StopReason, ToolCall, Turn, calls

Call = Turn | SideCall


def efficiency(episode: Episode) -> dict[str, float | None]:
    """Costs of ``episode``, failed or not; without a single turn everything but time is ``None``.

    ``EARLY_STOP`` is 1 when the policy itself ended the episode after fewer look-ups (calls of the
    environment's tools) than there are objectives: a low peak bought by not working is then visible.
    """
    turns, asked, size = episode.turns, episode.calls, episode.task.size
    if not turns:
        return dict.fromkeys(map(str, _MEASURES)) | {Measure.SECONDS: episode.seconds}
    lookups = sum(isinstance(turn.action, ToolCall) and not turn.by_memory for turn in turns)
    malformed = sum(isinstance(turn.action, Malformed) for turn in turns)
    prefill, reused = sum(len(call.prompt_token_ids) for call in asked), prefill_reused(asked)
    decode = sum(len(call.completion_token_ids) for call in asked)
    return {
        Measure.TURNS: len(turns),
        Measure.ACTIONS_PER_OBJECTIVE: (len(turns) - malformed) / size,
        Measure.SEARCHES_PER_OBJECTIVE: sum(calls(turn.action, "search") for turn in turns) / size,
        Measure.RECALLS_PER_OBJECTIVE: sum(turn.by_memory for turn in turns) / size,
        Measure.EARLY_STOP: float(episode.stop is StopReason.ANSWERED and lookups < size),
        Measure.MALFORMED: malformed / len(turns),
        Measure.PEAK: episode.peak,
        Measure.PEAK_WITHOUT_PROMPT: episode.peak_without_prompt,
        Measure.STATE_LENGTH: sum(turn.state_length for turn in turns) / len(turns),
        Measure.FORCED: sum(state_was_forced(turn) for turn in turns) / len(turns),
        Measure.DEPENDENCY: dependency(asked),
        Measure.PREFILL: prefill,
        Measure.PREFILL_REUSED: reused,
        Measure.DECODE: decode,
        Measure.TOKENS: prefill + decode,
        Measure.TOKENS_REUSED: reused + decode,
        Measure.SIDE_CALLS: len(episode.side_calls),
        Measure.SIDE_TOKENS: sum(call.peak for call in episode.side_calls),
        Measure.SECONDS: episode.seconds,
    }


_MEASURES = (
    Measure.TURNS,
    Measure.ACTIONS_PER_OBJECTIVE,
    Measure.SEARCHES_PER_OBJECTIVE,
    Measure.RECALLS_PER_OBJECTIVE,
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
    Measure.TOKENS,
    Measure.TOKENS_REUSED,
    Measure.SIDE_CALLS,
    Measure.SIDE_TOKENS,
)


def dependency(calls: Sequence[Call]) -> float:
    """Sum over generated blocks of ``(n_prefix + n_out / 2) * n_out``, in tokens squared.

    MEM1 (arXiv 2506.15841), section on metrics. The formula adds up exactly when a block is split
    in two, so that it does not matter whether state and action count as one block or as two.
    """
    return sum(
        (len(call.prompt_token_ids) + len(call.completion_token_ids) / 2) * len(call.completion_token_ids)
        for call in calls
    )


def prefill_reused(calls: Sequence[Call]) -> int:
    """Prompt tokens engines must read when each keeps the key-value cache of its last call."""
    return sum(len(call.prompt_token_ids) - held for call, held in zip(calls, cached(calls), strict=True))


def cached(calls: Sequence[Call]) -> list[int]:
    """How many prompt tokens of each call an engine has in the cache of its call before.

    That is the longest common prefix with that call (prompt + completion), but one token less than the prompt at most:
    an engine must read one for the first prediction. Side calls that another engine answers have a cache of their own.
    """
    found: list[int] = []
    before: dict[bool, tuple[int, ...]] = {}
    for call in calls:
        prompt, engine = call.prompt_token_ids, isinstance(call, Turn) or call.by_policy
        found.append(min(common_prefix(prompt, before.get(engine, ())), len(prompt) - 1))
        before[engine] = prompt + call.completion_token_ids
    return found


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
