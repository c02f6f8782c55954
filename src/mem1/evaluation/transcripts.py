"""Contexts as text, kept for a few episodes so that a reader can see what the policy saw."""

from __future__ import annotations

from mem1.evaluation.records import Transcript
from mem1.inference.base import Tokenizer
from mem1.types import Episode

MAX_TURNS = 24
MAX_CHARACTERS = 16_000


def transcript(episode: Episode, tokenizer: Tokenizer) -> Transcript:
    """Decode the first ``MAX_TURNS`` contexts and completions of ``episode``."""
    turns = episode.turns[:MAX_TURNS]
    contexts = [tokenizer.decode(turn.prompt_token_ids[turn.prefix_length :]) for turn in turns]
    return Transcript(
        episode_id=episode.id,
        prompt=tokenizer.decode(turns[0].prompt_token_ids[: turns[0].prefix_length]) if turns else "",
        contexts=tuple(text if len(text) <= MAX_CHARACTERS else None for text in contexts),
        completions=tuple(tokenizer.decode(turn.completion_token_ids) for turn in turns),
    )
