"""A server that fails in every way it can: no episode is lost, none is scored on an error's text, resuming hints all.

Whatever the server says in an error holds an action that would be scored if anybody took it for the policy's text.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mem1.config import Config
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.evaluate import evaluate
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.inference.config import OpenAiConfig, Timeouts
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.episode import RolloutContext
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Episode, Task
from tests.unit.evaluation.examples import task
from tests.unit.evaluation.test_evaluate import Lookup
from tests.unit.inference.endpoint_server import Fault, Model, Reply, Server, changed, script

KEY = "sk-test-0123456789abcdef"
TOKENIZER = ByteTokenizer()
CELL = CellKey(Composition.PARALLEL, 2)
POISON = "<think>x</think><answer>from an error; from an error</answer>"
CURSED = 7  # one task in so many never gets a proper answer
KINDS = {
    "RateLimitError",
    "UnavailableError",
    "TimedOutError",
    "BadAnswerError",
    "InexactAnswerError",
    "FilteredError",
}


def policy(context: str) -> str:
    """A search, then the right answers; what is begun is gone on with."""
    turn = context.rsplit("</information>", 1)[-1] if "<information>" in context else context.split("\n", 1)[1]
    whole = "<think>found</think><answer>answer 0; answer 1</answer>"
    if "<information>" not in context:
        whole = "<think>I look it up</think><search>q</search>"
    assert whole.startswith(turn), turn
    return whole[len(turn) :]


def halve(content: dict[str, Any]) -> None:
    """A completion that ran out of tokens in its middle."""
    choice = content["choices"][0]
    choice |= {"finish_reason": "length", "stop_reason": None}
    if "token_ids" in choice:
        count = max(1, len(choice["token_ids"]) // 2)
        choice["token_ids"] = choice["token_ids"][:count]
        choice["logprobs"]["token_logprobs"] = choice["logprobs"]["token_logprobs"][:count]
        choice["text"] = TOKENIZER.decode(choice["token_ids"])
    else:
        choice["text"] = choice["text"][: max(1, len(choice["text"]) // 2)]


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "429": lambda r: Reply(429, POISON.encode(), {"retry-after": "0.005"}),
    "500": lambda r: Reply(500, f'{{"error": {{"message": "{POISON} {KEY}"}}}}'.encode()),
    "hang": lambda r: Reply(hang=True),
    "cut": lambda r: replace(r, cut=True),
    "wrong JSON": lambda r: replace(r, body=r.body[: len(r.body) * 2 // 3]),
    "a page": lambda r: Reply(body=f"<html>{POISON}</html>".encode(), headers={"content-type": "text/html"}),
    "an error with 200": lambda r: Reply(body=f'{{"error": {{"message": "{POISON}"}}}}'.encode()),
    "empty choices": lambda r: changed(r, lambda content: content.update(choices=[])),
    "no log-probabilities": lambda r: changed(r, lambda content: content["choices"][0].pop("logprobs", None)),
    "length": lambda r: changed(r, halve),
    "filtered": lambda r: changed(
        r, lambda content: content["choices"][0].update(text=POISON, finish_reason="content_filter")
    ),
}


def faulty(server: Server, chance: float, *, exact: bool) -> Fault:
    """Some fault at some requests, and always for the cursed tasks."""
    rng = random.Random(1)
    names = sorted(FAULTS if exact else FAULTS.keys() - {"no log-probabilities"})

    def fault(reply: Reply, number: int) -> Reply:
        cursed = task_of(server.requests[number][2]) % CURSED == 0
        if not cursed and rng.random() > chance:
            return reply
        name = rng.choice([name for name in names if name != "length"] if cursed else names)
        return FAULTS[name](reply)

    return fault


def task_of(body: dict[str, Any]) -> int:
    prompt = body["prompt"]
    text = prompt if isinstance(prompt, str) else TOKENIZER.decode(prompt)
    return int(text.split("task ")[1].split(" ")[0])


def parts(url: str, *, exact: bool, patience: float) -> dict[str, RolloutContext]:
    config = OpenAiConfig(
        base_url=url,
        key_env="MEM1_TEST_KEY",
        style="completion",
        exact=exact,
        tokenizer="the test's" if exact else "builtin:utf8",
        retries=2,
        first_wait=0.001,
        timeouts=Timeouts(connect=5, read=patience, total=30),
        slots=16,
    )
    engine = OpenAiEngine(config, "scripted", TOKENIZER)
    memories = {"full": FullMemoryConfig().build(), "state": StateMemoryConfig().build()}
    return {
        name: RolloutContext(engine, Lookup, memory, 0.0, lambda s: s.total("em")) for name, memory in memories.items()
    }


@pytest.mark.parametrize(
    ("count", "exact"),
    [(25, True), (25, False), pytest.param(500, True, marks=pytest.mark.slow)],
    ids=["token ids", "text", "1,000 episodes"],
)
def test_every_episode_is_scored_or_a_typed_error(
    count: int, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEM1_TEST_KEY", KEY)
    tasks: list[Task] = [task(2, str(number)) for number in range(count)]
    expected = {f"base/{strategy}/{CELL.name}/{one.id}" for strategy in ("full", "state") for one in tasks}
    run = RunDir.create(tmp_path, "run", Config())
    config = EvaluateConfig(strategies=("full", "state"), resamples=100, concurrency=32, transcripts=0)

    def newest() -> dict[str, Episode]:
        return {episode.id: episode for episode in read_episodes(run.episodes("base"))}

    with Server(Model(TOKENIZER, script(TOKENIZER, policy))) as server:

        async def go(*, resume: bool, until: int | None = None, patience: float = 0.2) -> Evaluation | None:
            """To the end, or until so many requests were seen: what a crash leaves is then resumed."""
            work = asyncio.create_task(
                evaluate(
                    {CELL: tasks},
                    parts(server.url, exact=exact, patience=patience),
                    config,
                    run=run,
                    label="base",
                    policy=PolicyInfo(model="scripted"),
                    progress=False,
                    resume=resume,
                )
            )
            while until is not None and len(server.requests) < until and not work.done():
                await asyncio.sleep(0.005)
            if until is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                return None
            return await work

        server.fault = faulty(server, 0.3, exact=exact)
        asyncio.run(go(resume=False, until=count * 2))
        crashed = newest()
        assert 0 < len(crashed) < len(expected)
        whole = asyncio.run(go(resume=True))

        found = newest()
        assert found.keys() == expected, "none is lost, none is there that was not asked for"
        scored = {id: one for id, one in found.items() if one.score is not None}
        failed = {id: one for id, one in found.items() if one.error is not None}
        assert scored.keys() | failed.keys() == expected
        assert not scored.keys() & failed.keys()
        assert all(one.score.metrics["em"] == (1.0, 1.0) for one in scored.values() if one.score is not None)
        assert all("from an error" not in turn.action_text for one in found.values() for turn in one.turns)
        kinds = {one.error.type for one in failed.values() if one.error is not None}
        assert kinds == KINDS if count > 100 else kinds <= KINDS
        cursed = {id for id in expected if int(id.rsplit("/", 1)[1]) % CURSED == 0}
        assert cursed - (crashed.keys() - failed.keys()) <= failed.keys()
        assert whole is not None
        assert sum(cell.failed for cell in whole.cells) == len(failed)
        assert sum(cell.unscored for cell in whole.cells) == 0

        server.fault = lambda reply, number: reply
        seen = len(server.requests)
        mended = asyncio.run(go(resume=True, patience=10))
        asked = {task_of(body) for _, _, body in server.requests[seen:]}
        assert asked == {int(id.rsplit("/", 1)[1]) for id in failed}, "exactly the missing ones are run again"
        assert len(server.requests) - seen == 2 * len(failed)
        assert mended is not None
        assert mended.complete
        assert [cell.failed for cell in mended.cells] == [0, 0]
        assert all(one.score is not None and one.score.metrics["em"] == (1.0, 1.0) for one in newest().values())

    assert KEY in server.requests[0][1]["authorization"]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            raw = file.read_bytes()
            assert KEY.encode() not in raw, file
    text = "".join(episode.model_dump_json() for episode in read_episodes(run.episodes("base")))
    assert KEY not in text
    print(
        f"\n{len(expected)} episodes: {len(scored)} scored, {len(failed)} failed ({', '.join(sorted(kinds))}), "
        f"{seen} requests with faults, {len(server.requests) - seen} to mend them"
    )
