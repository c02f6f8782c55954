"""Slips in what a demonstrator writes: wrong tokens that are not imitated, and the right ones behind them that are.

A policy that imitates sees only its teacher's texts, in which no word is ever wrong. Its own first wrong token is a
place it has never been in, and greedy decoding may stay there ("Kuwaitianianian..."). After a stumble the right text
goes on.
"""

from __future__ import annotations

import random
from typing import TypeVar

from mem1.types import SideCall, Turn

Call = TypeVar("Call", Turn, SideCall)

_TIMES = (1, 1, 2, 3, 5, 8)


def stumbling(call: Call, rng: random.Random) -> Call:
    """``call`` with a few wrong tokens somewhere in its completion, marked as not sampled, so that nothing learns them.

    They are some that follow one another in the prompt, or one of the prompt's again and again. Neither the first nor
    the last token is moved. A call without a prompt, of fewer than three tokens, or with nothing to train on stays.
    """
    changed = _changed(call, rng)
    return call.model_copy(update=changed) if changed else call


def _changed(call: Turn | SideCall, rng: random.Random) -> dict[str, object]:
    """What a stumble changes; nothing where the call stays."""
    ids, prompt = call.completion_token_ids, call.prompt_token_ids
    if len(ids) < 3 or not prompt or not call.sampled_mask:
        return {}
    at, begins = rng.randrange(1, len(ids) - 1), rng.randrange(len(prompt))
    one, several = prompt[begins : begins + 1], prompt[begins : begins + rng.randint(1, 4)]
    wrong = several if rng.random() < 0.5 else one * rng.choice(_TIMES)
    changed: dict[str, object] = {
        "completion_token_ids": (*ids[:at], *wrong, *ids[at:]),
        "logprobs": (*call.logprobs[:at], *(0.0 for _ in wrong), *call.logprobs[at:]),
        "sampled_mask": (*call.sampled_mask[:at], *(False for _ in wrong), *call.sampled_mask[at:]),
    }
    if isinstance(call, Turn) and at < call.state_length:
        changed["state_length"] = call.state_length + len(wrong)
    return changed
