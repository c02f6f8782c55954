"""A teacher is worked with until it is done, gone, or interrupted; nothing finished is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import BackendError, DataError
from mem1.inference.base import Request
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.config import DistillConfig, KeepConfig
from mem1.rollout.distillation.collect import Teacher, distill
from mem1.rollout.episode import RolloutRequest
from mem1.rollout.group import group_requests
from mem1.storage.distillation import Distillation, read_distillation, read_scripts
from mem1.storage.episodes import list_episodes, read_episodes
from mem1.storage.run_dir import RunDir
from mem1.types import Completion, Episode
from tests.unit.rollout.worlds import BUDGETS, parts, task

RIGHT = "<think>a</think><answer>Lima</answer>"
WRONG = "<think>a</think><answer>Quito</answer>"
CONFIG = DistillConfig(samples=3, concurrency=2, give_up_after=4)


class Engine(ScriptedEngine):
    """Writes what ``answer`` gives for a session; counts calls; fails in sessions named in ``down``, or in all."""

    def __init__(self, answers: dict[str, str], *, down: set[str] | None = None, dies_after: int = 1000) -> None:
        super().__init__(lambda session, _: answers.get(session, RIGHT), CharTokenizer())
        self.calls: Counter[str] = Counter()
        self.temperatures: set[float] = set()
        self._down = down or set()
        self._dies_after = dies_after

    async def generate(self, request: Request) -> Completion:
        self.calls[request.session] += 1
        self.temperatures.add(request.temperature)
        if request.session in self._down or self.calls.total() > self._dies_after:
            await asyncio.sleep(0)
            raise BackendError("500 from the server", where="endpoint", hint="wait")
        return await super().generate(request)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", Config())


def requests(tasks: int = 3, samples: int = 3) -> list[RolloutRequest]:
    return group_requests([task(f"t{i}") for i in range(tasks)], samples, seed=1, label="teacher")


def teacher(engine: Engine) -> Teacher:
    return Teacher(
        name="toy",
        parts=parts(engine, memory=StateMemoryConfig(budgets=BUDGETS).build()),
        strategy="state",
        tokenizer=None,
        tags={"state": "think"},
    )


def work(
    engine: Engine, run: RunDir, config: DistillConfig = CONFIG, of: list[RolloutRequest] | None = None
) -> Distillation:
    return asyncio.run(distill(of or requests(), teacher(engine), config, run))


def sampled(run: RunDir) -> list[Episode]:
    return list(read_episodes(run.episodes("teacher")))


def test_what_is_kept_and_what_is_counted(run: RunDir) -> None:
    """Task 0: wrong, right, right (a repetition). Task 1: all wrong. Task 2: one fails, two right (a repetition)."""
    wrong = {"teacher/0/0", "teacher/1/0", "teacher/1/1", "teacher/1/2"}
    engine = Engine(dict.fromkeys(wrong, WRONG), down={"teacher/2/0"})
    outcome = work(engine, run, CONFIG.model_copy(update={"temperature": 0.7}))
    assert outcome.kept == ("teacher/0/1", "teacher/2/1")
    assert outcome.rejected == {"failed": 1, "below the minimum": 4, "repeated": 2}
    assert outcome.rewards == {"2": 4, "0": 4}, "the toy world pays 2 for a right answer"
    assert (outcome.teacher, outcome.tasks, outcome.episodes) == ("toy", 3, 9)
    assert read_distillation(run.distillation) == outcome
    assert engine.temperatures == {0.7}
    assert {script.id for script in read_scripts(run.scripts("teacher"))} == {
        request.episode_id for request in requests() if request.episode_id != "teacher/2/0"
    }


def test_a_teacher_that_dies_ends_the_run_soon_and_resuming_completes_exactly_what_is_missing(run: RunDir) -> None:
    dying, many = Engine({}, dies_after=3), requests(10)
    with pytest.raises(BackendError, match="the teacher failed 4 times in a row, last with BackendError: 500") as told:
        work(dying, run, of=many)
    assert "--resume" in str(told.value)
    assert 3 + 4 <= dying.calls.total() <= 3 + 4 + CONFIG.concurrency, "not every remaining task is tried"
    assert not run.distillation.exists()
    good = [episode.id for episode in sampled(run) if not episode.failed]
    assert len(good) == 3

    alive = Engine({})
    outcome = work(alive, run, of=many)
    assert set(alive.calls) == {request.episode_id for request in many} - set(good)
    assert set(alive.calls.values()) == {1}
    assert "failed" not in outcome.rejected, "failed ones were run again"
    assert outcome == work(Engine({}, dies_after=0), run, of=many), "nothing is left to run"


def test_a_teacher_that_never_answers_is_told_as_such(run: RunDir) -> None:
    with pytest.raises(BackendError, match="all 2 episodes failed, the first with BackendError: 500"):
        work(Engine({}, dies_after=0), run, of=requests(1, 2))


def test_failures_here_and_there_do_not_end_a_run(run: RunDir) -> None:
    down = {f"teacher/{i}/{j}" for i in range(3) for j in (0, 1)}
    assert work(Engine({}, down=down), run).rejected == {"failed": 6}


def test_a_crash_between_script_and_episode_costs_that_episode_only(run: RunDir) -> None:
    work(Engine({}), run)
    path = run.episodes("teacher")
    last = list_episodes(path)[-1]
    with path.open("r+b") as file:
        file.truncate(last.offset + last.length // 2)
    again = Engine({})
    assert len(work(again, run).kept) == 3
    assert set(again.calls) == {last.id}
    assert len(sampled(run)) == 9


def test_selecting_anew_samples_nothing(run: RunDir) -> None:
    answers = {"teacher/0/0": WRONG, "teacher/1/1": "<think>b</think><answer>Lima</answer>"}
    assert len(work(Engine(answers), run).kept) == 3
    idle = Engine({}, dies_after=0)
    more = CONFIG.model_copy(update={"keep": KeepConfig(minimum="none", per_task=3)})
    outcome = work(idle, run, more)
    assert outcome.kept == ("teacher/0/0", "teacher/0/1", "teacher/1/0", "teacher/1/1", "teacher/2/0")
    assert not idle.calls


def test_more_samples_are_added_to_those_there_are(run: RunDir) -> None:
    work(Engine({}), run)
    engine = Engine({})
    work(engine, run, of=requests(samples=4))
    assert set(engine.calls) == {f"teacher/{i}/3" for i in range(3)}


def test_nothing_kept_is_an_error_that_tells_the_rewards(run: RunDir) -> None:
    every = {request.episode_id: WRONG for request in requests()}
    with pytest.raises(DataError) as raised:
        work(Engine(every, down={"teacher/0/0"}), run)
    assert raised.value.what == (
        "none of 9 episodes passed the filter: 1 failed, 8 below the minimum; rewards an objective seen: 0 (8 times)"
    )
    assert "--distill.keep.minimum" in str(raised.value.hint)
    assert read_distillation(run.distillation).kept == ()
