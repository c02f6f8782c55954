"""The names of everything that is measured, with the words and units reports print beside them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """One number per episode (method section 5)."""

    EM = "em"
    F1 = "f1"
    EM_PER_OBJECTIVE = "em_per_objective"
    F1_PER_OBJECTIVE = "f1_per_objective"
    REWARD = "reward"
    SCORE = "score"
    R_TYPE = "r_type"
    R_ATT = "r_att"
    R_OPTION = "r_option"
    R_PRICE = "r_price"
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


_SUMS = (Measure.EM, Measure.F1)
_SHARES = (
    Measure.EM_PER_OBJECTIVE,
    Measure.F1_PER_OBJECTIVE,
    Measure.R_TYPE,
    Measure.R_ATT,
    Measure.R_OPTION,
    Measure.R_PRICE,
    Measure.ANSWER_RATE,
    Measure.COVERAGE,
    Measure.EARLY_STOP,
    Measure.MALFORMED,
    Measure.FORCED,
)


def range_of(measure: Measure, objectives: int) -> tuple[float, float | None] | None:
    """Least and largest value with so many objectives; ``(0, None)``: no upper limit, ``None``: none at all."""
    if measure in _SUMS:
        return 0.0, float(objectives)
    if measure in _SHARES:
        return 0.0, 1.0
    if measure is Measure.SCORE:
        return 0.0, 100.0
    return None if measure is Measure.REWARD else (0.0, None)


@dataclass(frozen=True, slots=True)
class Spec:
    """How a measure is written: ``unit`` follows the number, ``decimals`` are shown."""

    label: str
    unit: str
    decimals: int
    meaning: str


SPECS: dict[Measure, Spec] = {
    Measure.EM: Spec("EM", "", 2, "exact matches, summed over objectives"),
    Measure.F1: Spec("F1", "", 2, "F1, summed over objectives"),
    Measure.EM_PER_OBJECTIVE: Spec("EM / objective", "", 3, "exact match, mean over scored objectives"),
    Measure.F1_PER_OBJECTIVE: Spec("F1 / objective", "", 3, "F1, mean over scored objectives"),
    Measure.REWARD: Spec("Reward", "", 3, "the reward of the episode"),
    Measure.SCORE: Spec("Score", "", 1, "100 x the environment's reward, mean over objectives"),
    Measure.R_TYPE: Spec("Type", "", 3, "part of the shop's reward: the right kind of product; mean over objectives"),
    Measure.R_ATT: Spec("Attributes", "", 3, "wanted attributes that were met / wanted, mean over objectives"),
    Measure.R_OPTION: Spec("Options", "", 3, "wanted options that were chosen / wanted, mean over objectives with any"),
    Measure.R_PRICE: Spec("Price", "", 3, "purchases within the price limit / objectives"),
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
