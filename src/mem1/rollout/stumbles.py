"""Slips in what a demonstrator writes: wrong tokens that are not imitated, and the right ones behind them that are.

A policy that imitates sees only its teacher's texts, in which no word is ever wrong. Its own first wrong token is a
place it has never been in, and greedy decoding may stay there ("Kuwaitianianian..."). After a stumble the right text
goes on.
"""

from __future__ import annotations

import random

from mem1.types import Turn

_TIMES = (1, 1, 2, 3, 5, 8)


def stumbling(turn: Turn, rng: random.Random) -> Turn:
    """``turn`` with a few wrong tokens somewhere in its completion, marked as not sampled, so that nothing learns them.

    They are some that follow one another in the prompt, or one of the prompt's again and again. Neither the first nor
    the last token is moved. A turn without a prompt or of fewer than three tokens stays as it is.
    """
    ids, prompt = turn.completion_token_ids, turn.prompt_token_ids
    if len(ids) < 3 or not prompt:
        return turn
    at, begins = rng.randrange(1, len(ids) - 1), rng.randrange(len(prompt))
    one, several = prompt[begins : begins + 1], prompt[begins : begins + rng.randint(1, 4)]
    wrong = several if rng.random() < 0.5 else one * rng.choice(_TIMES)
    inside = at < turn.state_length
    return turn.model_copy(
        update={
            "completion_token_ids": (*ids[:at], *wrong, *ids[at:]),
            "logprobs": (*turn.logprobs[:at], *(0.0 for _ in wrong), *turn.logprobs[at:]),
            "sampled_mask": (*turn.sampled_mask[:at], *(False for _ in wrong), *turn.sampled_mask[at:]),
            "state_length": turn.state_length + (len(wrong) if inside else 0),
        }
    )
