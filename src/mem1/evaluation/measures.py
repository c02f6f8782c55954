"""The names of everything that is measured, with the words and units reports print beside them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """One number per episode (method section 5), by name.

    Beside these there are two for each metric of the episodes' scores, whatever its name: ``NAME``, summed over
    objectives, and ``NAME_per_objective``, the mean over those that have a value.
    """

    EM = "em"
    F1 = "f1"
    EM_PER_OBJECTIVE = "em_per_objective"
    F1_PER_OBJECTIVE = "f1_per_objective"
    REWARD = "reward"
    ANSWER_RATE = "answer_rate"
    COVERAGE = "coverage"
    TURNS = "turns"
    ACTIONS_PER_OBJECTIVE = "actions_per_objective"
    SEARCHES_PER_OBJECTIVE = "searches_per_objective"
    RECALLS_PER_OBJECTIVE = "recalls_per_objective"
    EARLY_STOP = "early_stop"
    MALFORMED = "malformed"
    PEAK = "peak"
    PEAK_WITHOUT_PROMPT = "peak_without_prompt"
    PAGE = "page"
    PAGE_PER_OBJECTIVE = "page_per_objective"
    FOUND = "found"
    KEPT = "kept"
    REPEATED = "repeated"
    REPEATED_AFTER_LOSS = "repeated_after_loss"
    STATE_LENGTH = "state_length"
    FORCED = "forced"
    DEPENDENCY = "dependency"
    PREFILL = "prefill"
    PREFILL_REUSED = "prefill_reused"
    DECODE = "decode"
    TOKENS = "tokens"
    TOKENS_REUSED = "tokens_reused"
    SIDE_CALLS = "side_calls"
    SIDE_TOKENS = "side_tokens"
    SECONDS = "seconds"
    COST = "cost"


PER_OBJECTIVE = "_per_objective"
# Metrics that lie between 0 and 1 for an objective.
_UNIT = ("em", "f1", "success", "score", "bought", "r_type", "r_att", "r_option", "r_price", "db", "floor")
_SHARES = (
    Measure.ANSWER_RATE,
    Measure.COVERAGE,
    Measure.EARLY_STOP,
    Measure.MALFORMED,
    Measure.FORCED,
    Measure.FOUND,
    Measure.KEPT,
    Measure.REPEATED,
    Measure.REPEATED_AFTER_LOSS,
)


def range_of(measure: str, objectives: int) -> tuple[float, float | None] | None:
    """Least and largest value with so many objectives; ``(0, None)``: no upper limit, ``None``: none at all."""
    if measure in _UNIT:
        return 0.0, float(objectives)
    if measure in _SHARES or measure.removesuffix(PER_OBJECTIVE) in _UNIT:
        return 0.0, 1.0
    return (0.0, None) if measure in _COUNTED else None


# What is counted has no upper limit; of other scorers' metrics nothing is known.
_COUNTED = frozenset(Measure) - {Measure.REWARD}


@dataclass(frozen=True, slots=True)
class Spec:
    """How a measure is written: ``unit`` follows the number, ``decimals`` are shown."""

    label: str
    unit: str
    decimals: int
    meaning: str


SPECS: dict[str, Spec] = {
    Measure.EM: Spec("EM", "", 2, "exact matches, summed over objectives"),
    Measure.F1: Spec("F1", "", 2, "F1, summed over objectives"),
    Measure.EM_PER_OBJECTIVE: Spec("EM / objective", "", 3, "exact match, mean over scored objectives"),
    Measure.F1_PER_OBJECTIVE: Spec("F1 / objective", "", 3, "F1, mean over scored objectives"),
    Measure.REWARD: Spec("Reward", "", 3, "the reward of the episode"),
    Measure.ANSWER_RATE: Spec("Answered", "", 3, "objectives that got an answer / all objectives"),
    Measure.COVERAGE: Spec("Coverage", "", 3, "objectives that could be scored / all objectives"),
    Measure.TURNS: Spec("Turns", "", 1, "contexts the policy saw"),
    Measure.ACTIONS_PER_OBJECTIVE: Spec("Actions / objective", "", 2, "well-formed actions / objectives"),
    Measure.SEARCHES_PER_OBJECTIVE: Spec("Searches / objective", "", 2, "search actions / objectives"),
    Measure.RECALLS_PER_OBJECTIVE: Spec(
        "Recalls / objective", "", 2, "look-backs that the memory answered / objectives"
    ),
    Measure.EARLY_STOP: Spec(
        "Stopped early", "", 3, "episodes ended by the policy with fewer look-ups than objectives"
    ),
    Measure.MALFORMED: Spec("Malformed", "", 3, "turns without a readable action / turns"),
    Measure.PEAK: Spec("Peak", "tokens", 0, "largest prompt + completion of any turn or side call"),
    Measure.PEAK_WITHOUT_PROMPT: Spec("Peak less P", "tokens", 0, "peak less the task prompt"),
    Measure.PAGE: Spec("Page", "tokens", 0, "largest context less P and the newest observation: what the memory kept"),
    Measure.PAGE_PER_OBJECTIVE: Spec("Page / objective", "tokens", 1, "the largest page / objectives"),
    Measure.FOUND: Spec("Found", "", 3, "objectives whose answer a look-up showed / all objectives"),
    Measure.KEPT: Spec("Kept", "", 3, "answers in context when they were due / answers found"),
    Measure.REPEATED: Spec("Repeated", "", 3, "look-ups made before in the episode / look-ups"),
    Measure.REPEATED_AFTER_LOSS: Spec(
        "Repeated after loss", "", 3, "look-ups made again because their answer was lost from context / look-ups"
    ),
    Measure.STATE_LENGTH: Spec("State", "tokens", 1, "tokens of the state written, mean over turns"),
    Measure.FORCED: Spec("Closed by force", "", 3, "turns whose state ran into its budget / turns"),
    Measure.DEPENDENCY: Spec("Dependency", "tokens²", 0, "sum of (n_prefix + n_out / 2) · n_out over calls"),
    Measure.PREFILL: Spec("Prefill", "tokens", 0, "prompt tokens over all calls, nothing cached"),
    Measure.PREFILL_REUSED: Spec("Prefill, cached", "tokens", 0, "prompt tokens that do not extend the call before"),
    Measure.DECODE: Spec("Decode", "tokens", 0, "tokens written over all calls"),
    Measure.TOKENS: Spec("Tokens", "tokens", 0, "prefill + decode, nothing cached"),
    Measure.TOKENS_REUSED: Spec("Tokens, cached", "tokens", 0, "prefill + decode, what a cache holds left out"),
    Measure.SIDE_CALLS: Spec("Side calls", "", 1, "calls that the memory made between turns"),
    Measure.SIDE_TOKENS: Spec("Side tokens", "tokens", 0, "prompt + completion of the side calls, part of all figures"),
    Measure.SECONDS: Spec("Seconds", "s", 2, "wall time of an episode, others in flight beside it"),
    Measure.COST: Spec("Cost", "", 6, "money, as the backend says or by the price table"),
}


def spec_of(measure: str) -> Spec:
    """How ``measure`` is written, also where it is a metric of somebody's scorer."""
    found = SPECS.get(measure)
    if found is not None:
        return found
    name = measure.removesuffix(PER_OBJECTIVE)
    label = name.replace("_", " ").capitalize()
    if name != measure:
        return Spec(f"{label} / objective", "", 3, f"{name}, mean over scored objectives")
    return Spec(label, "", 2, f"{name}, summed over objectives")
