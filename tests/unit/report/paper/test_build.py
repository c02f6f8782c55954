"""The papers' grid: printed figures as printed, a run's own beside them, no two conventions in one column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.config import Config
from mem1.errors import StorageError
from mem1.evaluation.cells import Bootstrap, make_cell
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey, Evaluation, Plan, PolicyInfo
from mem1.report.paper.build import build_paper_report, make_paper_document
from mem1.report.paper.published import published
from mem1.report.paper.rows import OwnRow, own_rows
from mem1.report.paper.tables import per_objective, summed, training, webshop
from mem1.report.tables import Table
from mem1.rewards.config import ScorerConfig, StandardConfig
from mem1.rewards.standard import StandardScorer, split_answers
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from mem1.types import Answer, Composition, Episode, EpisodeError, FinishReason, Objective, StopReason, Task, Turn
from tests.unit.report.synthetic import make_run
from tests.unit.report.test_build import Page

KEY = CellKey(Composition.PARALLEL, 2)
GOLDS = (("Lima",), ("the Nile",))
GIVEN = {
    "t0": "Lima; Nile",  # both right by standard; with articles kept the second is not
    "t1": "Lima",  # one right by standard; released: 1 answer for 2 objectives, so nothing counts
    "t2": "Lima; the Nile; more",  # two right by standard; released: 3 answers for 2, nothing counts
    "t3": "Quito; the nile",  # one right either way
}


TURN = Turn(
    index=0,
    prompt_token_ids=(1,) * 300,
    prefix_length=100,
    completion_token_ids=(2,) * 50,
    logprobs=(-0.1,) * 50,
    sampled_mask=(True,) * 50,
    state_length=30,
    finish=FinishReason.STOP,
    policy_version=0,
    state="",
    action=Answer(text=""),
    action_text="",
)


class RunConfig(Config):
    """What the report reads of a run's configuration."""

    scorer: ScorerConfig = StandardConfig()


def episode(name: str, text: str, label: str = "evaluation") -> Episode:
    """An episode of the task ``name`` with two objectives, answered as given, scored by standard."""
    task = Task(
        id=name,
        composition=Composition.PARALLEL,
        reveal="upfront",
        split="test",
        objectives=tuple(
            Objective(id=f"{name}-{i}", question="?", answers=golds, source="toy") for i, golds in enumerate(GOLDS)
        ),
    )
    answers, extra = split_answers(text, 2)
    return Episode(
        id=f"{label}/state/{KEY.name}/{name}",
        group_id=name,
        task=task,
        strategy="state",
        turns=(TURN,),
        answers=answers,
        stop=StopReason.ANSWERED,
        seconds=2.0,
        reward=0.0,
        score=StandardScorer()(task, answers, extra_answers=extra),
    )


def hand_made(root: Path, name: str = "mine", *, keep_episodes: bool = True) -> Path:
    """A run of four tasks whose scores are worked out below."""
    run = RunDir.create(root, name, RunConfig())
    failed = episode("t3", "").model_copy(
        update={"score": None, "error": EpisodeError(type="E", message="m"), "stop": StopReason.ERROR, "reward": None}
    )
    episodes = [episode(name, text) for name, text in GIVEN.items()]
    if keep_episodes:
        with EpisodeWriter(run.episodes("evaluation", compressed=True)) as writer:
            for one in (failed, *episodes):  # t3 failed first, then ran anew
                writer.write(one)
    plan = Plan(
        label="evaluation",
        policy=PolicyInfo(model="m"),
        strategies=("state",),
        cells={KEY.name: tuple(GIVEN)},
        seed=0,
        temperature=0.0,
        resamples=100,
        confidence=0.95,
    )
    cell = make_cell("state", KEY, episodes, Bootstrap(resamples=100))
    run.write_evaluation("evaluation", Evaluation(plan=plan, complete=True, cells=(cell,), comparisons=()))
    return run.path


def by_scorer(rows: list[OwnRow]) -> dict[str, OwnRow]:
    return {row.scorer: row for row in rows}


def column(table: Table, system: str) -> list[str]:
    """The texts of the row that begins with ``system``, less the two heads."""
    return next([entry.text for entry in row[2:]] for row in table.rows if row[0].text == system)


# ---------------------------------------------------------------- own rows


def test_one_run_is_scored_both_ways(tmp_path: Path) -> None:
    rows = by_scorer(own_rows([hand_made(tmp_path)]))
    assert list(rows) == ["mem1-released", "standard"]
    standard, released = rows["standard"].at[2], rows["mem1-released"].at[2]
    assert standard[Measure.EM].mean == pytest.approx((2 + 1 + 2 + 1) / 4)
    assert released[Measure.EM].mean == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert standard[Measure.EM_PER_OBJECTIVE].mean == pytest.approx(6 / 8)
    assert released[Measure.EM_PER_OBJECTIVE].mean == pytest.approx(2 / 8)
    # released F1 of t0: 1 + overlap of {nile} and {the, nile} = 2/3; of t3: 0 + 1
    assert released[Measure.F1].mean == pytest.approx((1 + 2 / 3 + 1) / 4)
    assert released[Measure.EM].n == 4
    assert released[Measure.SECONDS].mean == standard[Measure.SECONDS].mean == 2.0
    assert rows["standard"].tasks(2, 8) == "parallel, n = 4"


def test_scoring_again_by_the_same_scorer_changes_nothing(tmp_path: Path) -> None:
    path = make_run(tmp_path).path
    rows = [row for row in own_rows([path]) if row.scorer == "standard" and row.label == "trained"]
    stored = RunDir.open(path).read_evaluation("trained", Evaluation)
    checked = 0
    for row in rows:
        for n, metrics in row.at.items():
            cell = stored.cell(row.strategy, CellKey(row.composition, n))
            assert cell is not None
            assert metrics[Measure.EM] == cell.metrics[Measure.EM]
            checked += 1
    assert checked == 18  # three strategies at six horizons; the long session has no place in the papers' tables


def test_without_episodes_only_the_runs_own_scorer_is_known(tmp_path: Path) -> None:
    rows = own_rows([hand_made(tmp_path, keep_episodes=False)])
    assert [row.scorer for row in rows] == ["standard"]
    assert rows[0].at[2][Measure.EM].mean == pytest.approx(6 / 4)


def test_the_number_of_tasks_is_that_of_the_horizon(tmp_path: Path) -> None:
    """One of twelve episodes failed under ``window`` at four objectives."""
    rows = own_rows([make_run(tmp_path).path])
    window = next(row for row in rows if row.strategy == "window")
    assert [window.tasks(n) for n in (2, 4)] == ["parallel, n = 12", "parallel, n = 11"]
    assert window.tasks(2, 4, 8) == "parallel, n = 11-12"


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [hand_made(tmp_path / "a"), hand_made(tmp_path / "b")]
    assert {row.run for row in own_rows(paths)} == {str(path) for path in paths}
    assert {row.run for row in own_rows(paths[:1])} == {"mine"}


# ---------------------------------------------------------------- tables


def test_own_rows_stand_above_published_ones_of_the_same_scoring(tmp_path: Path) -> None:
    rows = own_rows([hand_made(tmp_path)])
    table = summed(rows, published(), "mem1-released", 2)
    assert table is not None
    assert [column.head for column in table.columns[2:]] == ["EM", "F1", "peak ×100", "s"]
    assert [entry.text for entry in table.rows[0][:2]] == ["mine, evaluation: state", "yours: parallel, n = 4"]
    assert column(table, "mine, evaluation: state") == ["0.500", "0.667", "2.50", "2.00"]
    assert table.rows[0][4].aside == "3.50 with prompt"
    assert column(table, "MEM1-QA") == ["0.709", "0.838", "6.40", "6.49"]
    assert column(table, "7B + A-MEM") == ["0.286", "–", "14.10", "–"]
    origins = {row[0].text: row[1].text for row in table.rows}
    assert origins["MEM1-QA"] == "published: MEM1, arXiv 2506.15841"
    assert origins["MMPO"] == "published: MMPO, arXiv 2605.30159, scoring unstated"
    assert "Search-R1 trained on 2 objectives" not in origins, "it is printed at 16 objectives only"
    longest = summed(rows, published(), "mem1-released", 32)
    assert longest is not None
    again = ["MEM1, run anew, 8k context", "MEM1, 30B, run anew, 8k context"]
    assert [row[0].text for row in longest.rows] == ["BACM-RL, 8k context", "BACM-RL, 30B-A3B", *again]
    assert column(longest, again[0])[1] == "1.210"


def test_the_other_scoring_has_no_published_row(tmp_path: Path) -> None:
    table = summed(own_rows([hand_made(tmp_path)]), published(), "standard", 2)
    assert table is not None
    assert [row[0].text for row in table.rows] == ["mine, evaluation: state"]
    assert column(table, "mine, evaluation: state")[0] == "1.500"
    assert "No published row is known to be scored this way" in table.note


def test_shares_are_sums_over_the_number_of_objectives(tmp_path: Path) -> None:
    table = per_objective(own_rows([hand_made(tmp_path)]), published(), "mem1-released")
    assert table is not None
    assert column(table, "mine, evaluation: state")[0] == "0.250"
    bacm = column(table, "BACM-RL, 30B-A3B")
    assert bacm[:2] == ["–", "0.516"]  # 1.032 / 2
    assert bacm[-2:] == ["–", "0.142"]  # 4.545 / 32


def test_training_over_the_horizon() -> None:
    table = training([], published(), "mem1-released")
    assert table is not None
    assert column(table, "MEM1, supervised learning") == ["0.300", "0.433", "0.648", "0.626", "0.088", "0.027", "0.000"]
    assert training([], published(), "standard") is None


def test_webshop_rows_are_the_environments_reward(tmp_path: Path) -> None:
    rows = own_rows([hand_made(tmp_path)])
    shop = OwnRow("r", "l", "m", 0, "state", Composition.PARALLEL, "standard", "webshop", {1: rows[0].at[2]})
    table = webshop([shop], published())
    assert column(table, "r, l: state") == ["0.00", "0.35", "0.016", "2.00"]  # (300 + 50 / 2) * 50 = 16,250
    assert column(table, "AgentLM-7B") == ["63.60", "2.24", "0.28", "3.91"]


def test_published_figures_have_a_source_and_are_whole() -> None:
    papers = published()
    assert len(papers.multi_objective) == 13
    assert sorted({paper.arxiv for paper in papers.sources.values()}) == ["2506.15841", "2604.01664", "2605.30159"]
    rows = [*papers.multi_objective, *papers.training, *papers.single_objective]
    assert {row.source for row in rows} | {shop.source for shop in papers.webshop} == set(papers.sources)
    assert {row.scorer for row in rows} == {"mem1-released", "unstated"}
    assert all(figures.em is not None or figures.f1 is not None for row in rows for figures in row.at.values())


# ---------------------------------------------------------------- the whole report


def test_the_report_in_three_forms(tmp_path: Path) -> None:
    runs = [hand_made(tmp_path), make_run(tmp_path).path]
    paths = build_paper_report(runs)
    assert paths.html == runs[0] / "paper.html"
    page = Page(paths.html.read_text())
    assert page.open == []
    assert page.addresses == [a for a in page.addresses if a.startswith("#")]
    assert "MEM1-QA" in page.text
    assert "synthetic, trained: window" in page.text
    markdown = paths.markdown.read_text()
    assert "### 16 objectives, summed, scorer mem1-released" in markdown
    assert "### Per objective, scorer standard" in markdown
    numbers = json.loads(paths.json.read_text())
    mine = [row for row in numbers["own"] if row["run"] == "mine"]
    assert {row["scorer"]: row["at"]["2"]["em"]["mean"] for row in mine} == {"mem1-released": 0.5, "standard": 1.5}
    assert numbers["published"]["sources"]["mem1"]["arxiv"] == "2506.15841"


def test_a_run_without_evaluation_leaves_the_published_rows(tmp_path: Path) -> None:
    path = make_run(tmp_path, evaluated=False).path
    document = make_paper_document(own_rows([path]), published())
    assert document.subtitle == "runs: none with an evaluation"
    assert [section.title for section in document.sections] == ["Scored by mem1-released", "Web shopping"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = hand_made(tmp_path)
    out = tmp_path / "out"
    assert main(["report", "--paper", str(path), "--out", str(out), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert {Path(name).name for name in written.values()} == {"paper.html", "paper.md", "paper.json"}
    assert all(Path(name).is_file() for name in written.values())
    assert main(["report", str(path), "--out", str(out)]) == 2
    assert main(["report", "--paper", str(tmp_path / "none")]) == 6
    with pytest.raises(StorageError):
        build_paper_report([tmp_path])
