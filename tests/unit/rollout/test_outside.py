"""What comes from outside and could not be read back later fails its episode, typed; the record stays writable."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mem1.errors import BackendError
from mem1.inference.base import Request
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.rollout.episode import run_episode
from mem1.rollout.outside import check_text, cleaned, is_text
from mem1.storage.episodes import EpisodeWriter, read_episodes
from mem1.types import Action, Completion, Episode, Observation, StopReason
from tests.unit.rollout.worlds import World, parts, request

SEARCH = "<think>a</think><search>Peru</search>"


class Odd(ScriptedEngine):
    """Gives one log-probability that is no number."""

    def __init__(self, value: float) -> None:
        super().__init__(lambda *_: SEARCH, CharTokenizer())
        self.value = value

    async def generate(self, request: Request) -> Completion:
        whole = await super().generate(request)
        return Completion.model_validate(
            whole.model_dump() | {"logprobs": (self.value, *whole.logprobs[1:])}, strict=False
        )


def kept(episode: Episode, tmp_path: Path) -> Episode:
    with EpisodeWriter(tmp_path / "a.jsonl.gz") as writer:
        writer.write(episode)
    (found,) = read_episodes(tmp_path / "a.jsonl.gz")
    return found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_log_probability_that_is_no_number_fails_the_episode(tmp_path: Path, value: float) -> None:
    episode = asyncio.run(run_episode(request(), parts(Odd(value))))
    assert (episode.stop, episode.score, episode.reward) == (StopReason.ERROR, None, None)
    assert episode.error is not None
    assert episode.error.type == "BackendError"
    assert "logprobs.0: Input should be a finite number" in episode.error.message
    assert "where: Odd" in episode.error.message
    assert kept(episode, tmp_path) == episode


@pytest.mark.parametrize(
    "observation",
    [
        Observation(head="\ud83d"),
        Observation(head="ok", passages=("fine", "half \udc80")),
        Observation(head="ok", tail="\udfff"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_text_that_is_no_unicode_fails_the_episode(tmp_path: Path, observation: Observation, first: bool) -> None:
    def show(action: Action) -> Observation:
        return observation

    world = World(request().task, shown=show, first=observation if first else None)
    engine = ScriptedEngine(lambda *_: SEARCH, CharTokenizer())
    episode = asyncio.run(run_episode(request(), parts(engine, lambda _: world)))
    assert episode.error is not None
    assert episode.error.type == "BackendError"
    assert "half a surrogate pair" in episode.error.message
    assert len(episode.turns) == (0 if first else 1)
    assert kept(episode, tmp_path) == episode


def test_a_failure_whose_text_is_no_unicode_is_still_kept(tmp_path: Path) -> None:
    def broken(session: str, context: str) -> str:
        raise RuntimeError("the server said \ud83d")

    episode = asyncio.run(run_episode(request(), parts(ScriptedEngine(broken, CharTokenizer()))))
    assert episode.error is not None
    assert episode.error.message == "the server said ?"
    assert kept(episode, tmp_path) == episode


@pytest.mark.parametrize("text", ["", "Lima", "Malmö", "\U0001f600", "\x00", "￾"])
def test_text_of_any_script_passes(text: str) -> None:
    assert is_text(text)
    assert cleaned(text) == text
    check_text(Observation(head=text, passages=(text,), tail=text))
    with pytest.raises(BackendError, match="no Unicode"):
        check_text(Observation(head=text + "\ud800"))
