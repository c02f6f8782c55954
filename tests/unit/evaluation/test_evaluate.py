"""Whole evaluations with a scripted policy: what is run, written, resumed and refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.actions.tools import SEARCH
from mem1.config import Config
from mem1.errors import BackendError, ConfigError, StorageError
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.evaluate import evaluate
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.episode import RolloutContext
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.types import Action, Answer, Composition, Observation, Score, Task, ToolCall
from tests.unit.evaluation.examples import task

ONE, TWO = CellKey(Composition.PARALLEL, 1), CellKey(Composition.PARALLEL, 2)
TASKS = {ONE: [task(1, "a"), task(1, "b")], TWO: [task(2, "c"), task(2, "d"), task(2, "e")]}
CONFIG = EvaluateConfig(strategies=("full", "state"), resamples=100, concurrency=2)
POLICY = PolicyInfo(model="scripted")


class Lookup:
    """Every search brings the same line; the first answer ends the task."""

    tools = (SEARCH,)
    takes_answer = True

    def __init__(self, task: Task) -> None:
        self.task = task
        self.max_turns = 8
        self.objective = 0
        self.answers: tuple[str | None, ...] = (None,) * task.size

    def reset(self) -> tuple[str, Observation | None]:
        """The prompt names the task."""
        return f"task {self.task.id} of {self.task.size}\n", None

    async def step(self, action: Action) -> Observation:
        """Found, or done."""
        match action:
            case Answer(text=text):
                self.answers = tuple(text.split("; "))
                return Observation(head="done", done=True)
            case ToolCall(name="search", arguments={"query": "break"}):
                raise BackendError("no retriever", hint="start one")
            case _:
                return Observation(head="found something")

    def score(self) -> Score:
        """Exact match against the first accepted answer."""
        em = tuple(float(a == o.answers[0]) for a, o in zip(self.answers, self.task.objectives, strict=True))
        return Score(metrics={"em": em, "f1": em}, answered=tuple(a is not None for a in self.answers), scorer="test")


def answer_all(session: str, context: str) -> str:
    """One search an objective, then the right answer to the first objective only."""
    size = int(session.split("parallel-")[1].split("/")[0])
    if context.count("search>q<") < size and "full" in session:
        return "<think>look</think><search>q</search>"
    if "state" in session and "<information>" not in context:
        return "<think>look</think><search>q</search>"
    return f"<think>done</think><answer>{'; '.join(['answer 0', 'no'][:size])}</answer>"


def parts(write: Callable[[str, str], str]) -> dict[str, RolloutContext]:
    """Two strategies around one script."""
    engine = ScriptedEngine(write, CharTokenizer())
    memories = {"full": FullMemoryConfig().build(), "state": StateMemoryConfig().build()}
    return {
        name: RolloutContext(engine, Lookup, memory, 1.0, lambda score: score.total("em"))
        for name, memory in memories.items()
    }


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", Config())


def go(run: RunDir, write: Callable[[str, str], str] = answer_all, **changes: object) -> Evaluation:
    settings: dict[str, object] = {"policy": POLICY, "resume": False, "config": CONFIG} | changes
    return asyncio.run(evaluate(TASKS, parts(write), run=run, label="base", progress=False, **settings))  # type: ignore[arg-type]


def test_every_strategy_runs_on_the_same_tasks(run: RunDir) -> None:
    evaluation = go(run)
    assert evaluation.complete
    assert [(cell.strategy, cell.key, cell.tasks) for cell in evaluation.cells] == [
        ("full", ONE, ("a", "b")),
        ("state", ONE, ("a", "b")),
        ("full", TWO, ("c", "d", "e")),
        ("state", TWO, ("c", "d", "e")),
    ]
    full, state = evaluation.cell("full", TWO), evaluation.cell("state", TWO)
    assert full is not None
    assert state is not None
    assert full.metrics[Measure.EM].mean == state.metrics[Measure.EM].mean == 1.0
    assert full.metrics[Measure.EM_PER_OBJECTIVE].mean == 0.5
    assert (full.metrics[Measure.TURNS].mean, state.metrics[Measure.TURNS].mean) == (3, 2)
    assert (full.metrics[Measure.EARLY_STOP].mean, state.metrics[Measure.EARLY_STOP].mean) == (0, 1)
    turns = {
        (c.left, c.right): c.difference.mean for c in evaluation.comparisons if c.measure == Measure.PEAK_WITHOUT_PROMPT
    }
    assert turns["full", "state"] < 0


def test_what_is_written_is_what_is_returned(run: RunDir) -> None:
    evaluation = go(run)
    assert run.read_evaluation("base", Evaluation) == evaluation
    assert len(list(read_episodes(run.episodes("base")))) == 10


def test_strategies_share_the_seed_of_a_task(run: RunDir) -> None:
    go(run)
    seeds: dict[str, set[int]] = {}
    for episode in read_episodes(run.episodes("base")):
        seeds.setdefault(episode.task.id, set()).add(episode.seed)
    assert all(len(some) == 1 for some in seeds.values())
    assert len(set().union(*seeds.values())) == 5


def test_transcripts_hold_the_text_the_policy_saw(run: RunDir) -> None:
    evaluation = go(run)
    kept = {one.episode_id: one for one in evaluation.transcripts}
    assert sorted(kept) == [
        "base/full/parallel-1/a",
        "base/full/parallel-2/c",
        "base/state/parallel-1/a",
        "base/state/parallel-2/c",
    ]
    one = kept["base/state/parallel-2/c"]
    assert "task c of 2" in one.prompt
    assert "found something" in (one.contexts[1] or "")
    assert "<answer>answer 0; no</answer>" in one.completions[1]


def test_a_second_evaluation_needs_another_label_or_resume(run: RunDir) -> None:
    first = go(run)
    with pytest.raises(StorageError, match="already"):
        go(run)

    def never(session: str, context: str) -> str:
        raise AssertionError("nothing is left to run")

    assert go(run, never, resume=True) == first


def test_resume_runs_only_what_is_missing(run: RunDir) -> None:
    calls: list[str] = []

    def stop_in_the_middle(session: str, context: str) -> str:
        calls.append(session)
        if len(set(calls)) > 4:
            raise KeyboardInterrupt
        return answer_all(session, context)

    with pytest.raises(KeyboardInterrupt):
        go(run, stop_in_the_middle)
    kept = [episode.id for episode in read_episodes(run.episodes("base"))]
    assert 0 < len(kept) < 10
    assert not run.read_evaluation("base", Evaluation).complete
    calls.clear()

    def note(session: str, context: str) -> str:
        calls.append(session)
        return answer_all(session, context)

    evaluation = go(run, note, resume=True)
    assert evaluation.complete
    assert not set(calls) & set(kept)
    assert len(set(calls)) == 10 - len(kept)


def test_failed_episodes_are_counted_and_run_anew_on_resume(run: RunDir) -> None:
    def fails(session: str, context: str) -> str:
        if session == "base/state/parallel-2/d":
            return "<think>x</think><search>break</search>"
        return answer_all(session, context)

    cell = go(run, fails).cell("state", TWO)
    assert cell is not None
    assert (cell.failed, cell.errors, cell.metrics[Measure.EM].n) == (1, {"BackendError": 1}, 2)
    mended = go(run, resume=True).cell("state", TWO)
    assert mended is not None
    assert (mended.failed, mended.metrics[Measure.EM].n) == (0, 3)


def test_an_evaluation_in_which_everything_fails_is_no_result(run: RunDir) -> None:
    with pytest.raises(BackendError, match=r"all 10 episodes failed, the first with BackendError: no retriever"):
        go(run, lambda *_: "<think>x</think><search>break</search>")
    assert go(run, resume=True).complete, "the failed episodes are run anew"


def test_resume_refuses_another_plan_and_names_it(run: RunDir) -> None:
    go(run)
    with pytest.raises(ConfigError, match="another policy, seed"):
        go(run, resume=True, policy=PolicyInfo(model="other"), config=CONFIG.model_copy(update={"seed": 9}))


def test_the_seconds_of_failed_episodes_are_no_saving(run: RunDir) -> None:
    def fails(session: str, context: str) -> str:
        if "/state/" in session and session.endswith(("/c", "/d")):
            return "<think>x</think><search>break</search>"
        return answer_all(session, context)

    evaluation = go(run, fails)
    assert evaluation.failed == 2
    cell = evaluation.cell("state", TWO)
    assert cell is not None
    assert [(one.type, one.message, one.count) for one in cell.failures] == [("BackendError", "no retriever", 2)]
    for verdict in evaluation.verdicts:
        if verdict.key == TWO:
            assert verdict.seconds is not None
            assert verdict.tokens is not None
            assert (verdict.seconds.n, verdict.tokens.n) == (1, 1)


def test_a_repeated_task_loses_no_cell(run: RunDir) -> None:
    repeated = task(1, "a")
    tasks = {ONE: [repeated, task(1, "b"), repeated, repeated], TWO: [task(2, "c")]}

    def evaluated(*, resume: bool) -> Evaluation:
        return asyncio.run(
            evaluate(
                tasks, parts(answer_all), CONFIG, run=run, label="base", policy=POLICY, progress=False, resume=resume
            )
        )

    evaluation = evaluated(resume=False)
    assert evaluation.complete
    cell = evaluation.cell("state", ONE)
    assert cell is not None
    assert cell.tasks == ("a", "b", "a~2", "a~3")
    assert (cell.episodes, cell.contents, cell.metrics[Measure.EM].n) == (4, 2, 2)
    assert len({episode.seed for episode in read_episodes(run.episodes("base"))}) == 5, "repeats are sampled anew"
    assert evaluated(resume=True) == evaluation


def test_conditions_are_kept_for_each_start(run: RunDir) -> None:
    calls: list[str] = []

    def stop_in_the_middle(session: str, context: str) -> str:
        calls.append(session)
        if len(set(calls)) > 4:
            raise KeyboardInterrupt
        return answer_all(session, context)

    with pytest.raises(KeyboardInterrupt):
        go(run, stop_in_the_middle)
    kept = len(list(read_episodes(run.episodes("base"))))
    conditions = go(run, resume=True).conditions
    assert sum(one.episodes for one in conditions) in (10, 10 - kept)  # the first start may not have saved a cell
    assert all(one.interleaved and one.concurrency == 2 for one in conditions)


def test_what_the_first_to_come_pays_is_shared_by_all(run: RunDir) -> None:
    """A cache that a task's first strategy fills: run one after the other, all of it would be the first one's cost."""
    seen: set[str] = set()
    tasks = {ONE: [task(1, f"t{k}") for k in range(12)]}

    class Cached(Lookup):
        async def step(self, action: Action) -> Observation:
            await asyncio.sleep(0.001 if self.task.id in seen else 0.25)
            seen.add(self.task.id)
            return await super().step(action)

    engine = ScriptedEngine(lambda session, context: "<think>x</think><answer>answer 0</answer>", CharTokenizer())
    same = {
        name: RolloutContext(engine, Cached, StateMemoryConfig().build(), 1.0, lambda score: score.total("em"))
        for name in ("full", "state")
    }
    config = CONFIG.model_copy(update={"concurrency": 1})
    evaluation = asyncio.run(evaluate(tasks, same, config, run=run, label="base", policy=POLICY, progress=False))
    (verdict,) = evaluation.verdicts
    assert verdict.seconds is not None
    assert verdict.tokens is not None
    assert not verdict.seconds.excludes(1)
    assert not any(one.difference.excludes(0) for one in evaluation.comparisons)
    full, state = (evaluation.cell(name, ONE) for name in ("full", "state"))
    assert full is not None
    assert state is not None
    slow = [sum(second > 0.2 for second in one.known(Measure.SECONDS)) for one in (full, state)]
    assert slow == [6, 6], "each strategy came first at every other task"
