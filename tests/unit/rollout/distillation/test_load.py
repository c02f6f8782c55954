"""Reading distilled runs: whose they are, what is held out, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.config import Config
from mem1.errors import DataError
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CONTROL_STRINGS, ByteTokenizer, CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rollout.config import DemonstrationsConfig, DistillConfig
from mem1.rollout.distillation.collect import Teacher, distill
from mem1.rollout.distillation.load import LoadedDemos, read_demonstrations, record_taken
from mem1.rollout.distillation.retokenize import TargetSpec
from mem1.rollout.group import group_requests
from mem1.storage.distillation import read_distillation, write_distillation
from mem1.storage.run_dir import RunDir
from mem1.types import Task
from tests.unit.rollout.worlds import parts, task

BUDGETS = Budgets(state=40, action=40, observation=30)
TAGS = {"state": "think"}


def texts(session: str, context: str) -> str:
    """Every task is answered right, the odd ones after a longer page."""
    number = int(session.split("/")[1])
    return f"<think>{'x' * (20 if number % 2 else 5)}</think><answer>Lima</answer>"


def distilled(root: Path, name: str, *, first: int = 0, count: int = 10) -> Path:
    """A run in which tasks ``first`` and following were demonstrated in characters."""
    run = RunDir.create(root, name, Config())
    engine = ScriptedEngine(texts, CharTokenizer())
    teacher = Teacher(
        name="toy",
        parts=parts(engine, memory=StateMemoryConfig(budgets=BUDGETS).build()),
        strategy="state",
        tokenizer="characters",
        tags=TAGS,
    )
    requests = group_requests([task(f"t{first + i}") for i in range(count)], 1, seed=0, label="teacher")
    asyncio.run(distill(requests, teacher, DistillConfig(), run))
    return run.path


def read(
    config: DemonstrationsConfig,
    *,
    tokenizer: Tokenizer | None = None,
    fingerprint: str | None = "characters",
    budgets: Budgets = BUDGETS,
    tags: dict[str, str] = TAGS,
    prompt: str = "Capital of Peru?",
) -> LoadedDemos:
    student = TargetSpec(
        tokenizer or CharTokenizer(),
        StateMemoryConfig(budgets=budgets).build(),
        1_000,
        control=CONTROL_STRINGS,
        space=SEARCH_AND_ANSWER,
    )

    def prompt_of(task: Task) -> str:
        return prompt

    return asyncio.run(
        read_demonstrations(config, student, fingerprint=fingerprint, tags=tags, prompt_of=prompt_of, seed=3)
    )


def test_all_demonstrations_of_a_task_lie_on_one_side(tmp_path: Path) -> None:
    one, two = distilled(tmp_path, "one"), distilled(tmp_path, "two")
    found = read(DemonstrationsConfig(runs=(one, two), held_out=0.2))
    assert (len(found.learn), len(found.held_out)) == (16, 4)
    held = {episode.task.id for episode in found.held_out}
    assert len(held) == 2
    assert held.isdisjoint(episode.task.id for episode in found.learn)
    ids = [episode.id for episode in (*found.learn, *found.held_out)]
    assert len(set(ids)) == 20
    assert {id.split("/")[0] for id in ids} == {"one", "two"}
    assert found == read(DemonstrationsConfig(runs=(one, two), held_out=0.2)), "the seed chooses"
    assert (found.taken.read, found.taken.as_sampled, found.taken.encoded, found.taken.dropped) == (20, 20, 0, {})


@pytest.mark.parametrize(("share", "expected"), [(0.0, (10, 0)), (0.01, (9, 1)), (0.9, (1, 9)), (0.99, (1, 9))])
def test_a_share_holds_out_one_task_at_least_and_never_all(
    tmp_path: Path, share: float, expected: tuple[int, int]
) -> None:
    found = read(DemonstrationsConfig(runs=(distilled(tmp_path, "one"),), held_out=share))
    assert (len(found.learn), len(found.held_out)) == expected


def test_another_run_may_be_what_is_held_out(tmp_path: Path) -> None:
    one, other = distilled(tmp_path, "one"), distilled(tmp_path, "other", first=10, count=4)
    found = read(DemonstrationsConfig(runs=(one,), held_out=other))
    assert (len(found.learn), len(found.held_out)) == (10, 4)
    with pytest.raises(DataError, match="10 tasks are both learned and held out, first t0"):
        read(DemonstrationsConfig(runs=(one,), held_out=one))


def test_another_tokenizer_or_an_unknown_one_gets_its_own_tokens(tmp_path: Path) -> None:
    config = DemonstrationsConfig(runs=(distilled(tmp_path, "one"),), held_out=0)
    for fingerprint in ("bytes", None):
        found = read(config, tokenizer=ByteTokenizer(), fingerprint=fingerprint)
        assert (found.taken.as_sampled, found.taken.encoded) == (0, 10)
        completion = found.learn[0].turns[0].completion_token_ids
        assert ByteTokenizer().decode(completion) == "<think>xxxxx</think><answer>Lima</answer>"


def test_what_does_not_fit_is_dropped_and_counted(tmp_path: Path) -> None:
    """Odd tasks have a page of 20 characters and two tags."""
    config = DemonstrationsConfig(runs=(distilled(tmp_path, "one"),), held_out=0)
    found = read(config, budgets=BUDGETS.model_copy(update={"state": 22}))
    assert [episode.id for episode in found.learn] == [f"one/teacher/{i}/0" for i in (0, 2, 4, 6, 8)]
    assert found.taken.dropped == {"state budget": 5}
    assert found.taken.summary.endswith("dropped: 5 for state budget")
    with pytest.raises(DataError, match=r"of 10 demonstrations 0 are left.*10 state budget"):
        read(config, budgets=BUDGETS.model_copy(update={"state": 6}))


def test_the_recipes_prompt_is_laid_down_unless_the_recorded_one_is_wanted(tmp_path: Path) -> None:
    one = distilled(tmp_path, "one")
    for prompt, expected in (("recipe", "Brief."), ("recorded", "Capital of Peru?")):
        config = DemonstrationsConfig.model_validate({"runs": [str(one)], "prompt": prompt})
        turn = read(config, prompt="Brief.").learn[0].turns[0]
        assert CharTokenizer().decode(turn.prompt_token_ids[: turn.prefix_length]) == expected


def test_one_run_may_be_named_without_a_list() -> None:
    assert DemonstrationsConfig.model_validate({"runs": "runs/x"}).runs == (Path("runs/x"),)


def test_tags_must_be_the_students(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="written with the tags state = think, the student's are state = memo"):
        read(DemonstrationsConfig(runs=(distilled(tmp_path, "one"),)), tags={"state": "memo"})


def test_what_is_no_distilled_run_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such run of demonstrations(.|\n)*mem1 distill"):
        read(DemonstrationsConfig(runs=(tmp_path / "nowhere",)))
    RunDir.create(tmp_path, "other", Config())
    with pytest.raises(DataError, match=r"the run holds no demonstrations(.|\n)*mem1 distill"):
        read(DemonstrationsConfig(runs=(tmp_path / "other",)))


def test_an_unfinished_an_empty_and_a_torn_run_are_refused(tmp_path: Path) -> None:
    path = distilled(tmp_path, "one")
    run, config = RunDir(path), DemonstrationsConfig(runs=(path,))
    outcome = read_distillation(run.distillation)
    write_distillation(run.distillation, outcome.model_copy(update={"kept": ()}))
    with pytest.raises(DataError, match="none of the run's 10 episodes was kept"):
        read(config)
    write_distillation(run.distillation, outcome.model_copy(update={"kept": (*outcome.kept, "teacher/77/0")}))
    with pytest.raises(DataError, match="1 demonstrations are named but not there, first teacher/77/0"):
        read(config)
    run.distillation.unlink()
    with pytest.raises(DataError, match=r"did not come to its end(.|\n)*--resume"):
        read(config)


def test_a_resumed_run_learns_from_the_same_or_not_at_all(tmp_path: Path) -> None:
    one = distilled(tmp_path, "one")
    student = RunDir.create(tmp_path, "student", Config())
    taken = read(DemonstrationsConfig(runs=(one,))).taken
    record_taken(student, taken, resume=False)
    record_taken(student, taken, resume=True)
    fewer = read(DemonstrationsConfig(runs=(one,), held_out=0.5)).taken
    with pytest.raises(DataError, match="the demonstrations have changed since the run began"):
        record_taken(student, fewer, resume=True)
