"""Sixteen real questions a task, from four datasets, through the search service: the expert finds what can be found.

The service is a process of its own, the retriever its client, the episode loop and the evaluation those of every run.
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.evaluate import evaluate
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.report.paper.build import build_paper_report
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.remote_config import RemoteConfig
from mem1.rewards.config import StandardConfig
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.tasks.compose import compose
from mem1.tasks.files.qa_files import QaFiles
from mem1.types import Composition, Objective, StopReason, Task
from tests.e2e.serving import serving
from tests.unit.report.paper.test_build import RunConfig

DATA = Path(__file__).parents[3] / "shared" / "data" / "qa"
FILES = {
    "nq": "nq_test.jsonl",
    "triviaqa": "triviaqa_test.jsonl",
    "popqa": "popqa_test.jsonl",
    "hotpotqa": "hotpotqa_dev_distractor.jsonl",
}
KEY = CellKey(Composition.MIXED, 16)
TASKS = 4
TOP_K = 3

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real questions are not beside this checkout")


def corpus_with_hotpotqa(path: Path) -> Path:
    """The Wikipedia passages, and the paragraphs that come with HotpotQA's questions, in the published format."""
    lines = (DATA / "wiki18_subset.jsonl").read_text(encoding="utf-8").splitlines()
    paragraphs: dict[str, None] = {}
    for row in (DATA / FILES["hotpotqa"]).read_text(encoding="utf-8").splitlines():
        for one in json.loads(row)["metadata"]["context"]:
            title = one["title"].replace('"', '""')
            paragraphs[f'"{title}"\n{"".join(one["sentences"])}'] = None
    lines += [json.dumps({"id": f"hotpotqa-{i}", "contents": text}) for i, text in enumerate(paragraphs)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def mixed_tasks() -> list[Task]:
    """Tasks of sixteen questions, four of each dataset."""
    sources = [QaFiles(name, {"test": DATA / file}) for name, file in FILES.items()]
    return compose(sources, composition=KEY.composition, objectives=KEY.objectives, count=TASKS, seed=4, split="test")


async def found_by(retriever: Bm25Retriever, objectives: Sequence[Objective]) -> list[bool]:
    """Of each question, whether an accepted answer stands, word for word, in a passage that a search for it brings."""
    found = []
    for objective in objectives:
        (hits,) = await retriever.search([objective.question.rstrip("?")], TOP_K)
        passages = [plain_words(f"{hit.passage.title} {hit.passage.text}") for hit in hits]
        answers = [plain_words(answer) for answer in objective.answers if ";" not in answer]
        found.append(any(answer and runs_in(answer, passage) for answer in answers for passage in passages))
    return found


def plain_words(text: str) -> list[str]:
    """Words without case, marks and articles."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [word for word in re.split(r"[\W_]+", plain) if word and word not in ("a", "an", "the")]


def runs_in(answer: list[str], passage: list[str]) -> bool:
    """Whether the words of the answer follow each other somewhere in the passage."""
    return any(passage[i : i + len(answer)] == answer for i in range(len(passage) - len(answer) + 1))


def test_exact_match_is_the_share_of_questions_whose_answer_was_found(tmp_path: Path) -> None:
    tasks = mixed_tasks()
    corpus = corpus_with_hotpotqa(tmp_path / "corpus.jsonl")
    run = RunDir.create(tmp_path, "sixteen", RunConfig(scorer=StandardConfig()))
    expert = Expert()
    for task in tasks:
        expert.enlist(f"expert/state/{KEY.name}/{task.id}", task)
    with serving("--corpus", str(corpus)) as service:
        retriever = RemoteConfig(url=service.address).build()
        parts = RolloutContext(
            engine=ScriptedEngine(expert),
            make_env=QaEnvConfig(top_k=TOP_K).build(retriever, StandardScorer()),
            make_memory=StateMemoryConfig(budgets=Budgets(state=2000, action=1000, observation=4000)).build(),
            temperature=0.0,
            reward=lambda score: score.total("em"),
        )
        evaluation = asyncio.run(
            evaluate(
                {KEY: tasks},
                {"state": parts},
                EvaluateConfig(resamples=100, concurrency=TASKS),
                run=run,
                label="expert",
                policy=PolicyInfo(model="expert"),
                progress=False,
            )
        )
        retriever.close()

    cell = evaluation.cell("state", KEY)
    assert cell is not None
    assert (cell.failed, cell.stops) == (0, {StopReason.ANSWERED: TASKS})
    episodes = {episode.task.id: episode for episode in read_episodes(run.episodes("expert"))}
    local = Bm25Retriever([*read_corpus(corpus)])
    expected = [asyncio.run(found_by(local, task.objectives)) for task in tasks]
    scores = [episodes[task.id].score for task in tasks]
    assert [list(score.metrics["em"]) if score else None for score in scores] == [
        [float(f) for f in row] for row in expected
    ]
    share = sum(map(sum, expected)) / (TASKS * KEY.objectives)
    assert 0.3 < share < 0.9, "the corpus holds some answers and not others"
    assert cell.metrics[Measure.EM_PER_OBJECTIVE].mean == pytest.approx(share)
    assert cell.metrics[Measure.EM].mean == pytest.approx(16 * share)
    assert {o.source for task in tasks for o in task.objectives} == set(FILES)
    check_report(run, 16 * share)


def check_report(run: RunDir, em: float) -> None:
    """The run stands in the papers' grid at 16 objectives, both ways of scoring apart."""
    numbers = json.loads(build_paper_report([run.path]).json.read_text())
    by_scorer = {row["scorer"]: row["at"]["16"]["em"]["mean"] for row in numbers["own"]}
    assert by_scorer["standard"] == pytest.approx(em)
    assert set(by_scorer) == {"standard", "mem1-released"}
    assert run.read_evaluation("expert", Evaluation).complete


def test_the_corpus_of_the_test_holds_what_it_says(tmp_path: Path) -> None:
    passages: list[Passage] = list(read_corpus(corpus_with_hotpotqa(tmp_path / "corpus.jsonl")))
    assert len(passages) > 8_236 + 900
    assert any(passage.title == "Ed Wood (film)" for passage in passages)
