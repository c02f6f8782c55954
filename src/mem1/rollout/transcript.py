"""Episodes with their scripts: the episode loop as ever, and beside it what the environment said, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mem1.envs.around import Around
from mem1.envs.base import Environment
from mem1.inference.base import Tokenizer, eos_ids
from mem1.rollout.episode import RolloutContext, RolloutRequest, run_episode
from mem1.storage.distillation import Transcript, TranscriptTurn
from mem1.types import Action, Episode, Observation, Task


class _Recording(Around):
    """An environment that remembers what it said."""

    def __init__(self, inner: Environment) -> None:
        super().__init__(inner)
        self.prompt = ""
        self.first: Observation | None = None
        self.observations: list[Observation] = []

    def reset(self) -> tuple[str, Observation | None]:
        self.prompt, self.first = super().reset()
        return self.prompt, self.first

    async def step(self, action: Action) -> Observation:
        observation = await super().step(action)
        self.observations.append(observation)
        return observation


async def run_recorded(request: RolloutRequest, parts: RolloutContext) -> tuple[Episode, Transcript | None]:
    """Run an episode; its script too, unless it failed."""
    recordings: list[_Recording] = []

    def recording(task: Task) -> Environment:
        recordings.append(_Recording(parts.make_env(task)))
        return recordings[-1]

    episode = await run_episode(request, replace(parts, make_env=recording))
    if episode.failed:
        return episode, None
    (said,) = recordings
    tokenizer = parts.engine.tokenizer
    observations = iter(said.observations)
    turns = tuple(
        TranscriptTurn(
            written=_written(turn.completion_token_ids, tokenizer),
            observation=None if turn.by_memory else next(observations),
        )
        for turn in episode.turns
    )
    asked = (parts.side_engine or parts.engine).tokenizer
    calls = tuple(_written(call.completion_token_ids, asked) for call in episode.side_calls)
    script = Transcript(id=episode.id, prompt=said.prompt, first=said.first, turns=turns, side_calls=calls)
    return episode, script


def _written(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """Without a token that ends the text."""
    return tokenizer.decode(ids[:-1] if ids and ids[-1] in eos_ids(tokenizer) else ids)
