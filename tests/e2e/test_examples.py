"""The examples run as they are printed in the documentation, and show what they say they show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mem1.retrieval.corpus import read_corpus

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    """What the example prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def peaks_of(output: str) -> tuple[list[int], list[int]]:
    """From the last table of minimal.py: the peaks with forgetting and without, by rising number of objectives."""
    rows = re.findall(r"^ +\d+ +[\d.]+ +(\d+) \| +[\d.]+ +(\d+)$", output, re.MULTILINE)
    return [int(peak) for peak, _ in rows], [int(peak) for _, peak in rows]


def test_minimal_keeps_its_bound_and_trains_on_what_was_sampled() -> None:
    output = run("minimal.py", "--quick")

    state, everything = peaks_of(output)
    assert state == [9, 9]  # P 1, twice (state 2 + action 1), observation 2
    assert everything[1] > 1.5 * everything[0]
    difference = re.search(r"largest difference of a log-probability: (\S+)", output)
    assert difference is not None
    assert float(difference[1]) < 1e-4
    assert "of at most 9 tokens" in output


@pytest.mark.slow
def test_minimal_learns() -> None:
    output = run("minimal.py")

    named = re.search(r"named at 2 objectives: (\S+) untrained -> (\S+) trained", output)
    assert named is not None
    assert float(named[1]) < 0.5
    assert float(named[2]) > 0.9
    state, everything = peaks_of(output)
    assert state == [9, 9, 9]
    assert everything[2] > 10 * everything[0]


def test_a_custom_environment_is_solved_at_constant_peak() -> None:
    output = run("custom_env.py")

    rows = [[int(n) for n in row] for row in re.findall(r"(\d+) numbers: (\d+) right in \d+ turns, peak (\d+)", output)]
    assert [row[:2] for row in rows] == [[1, 1], [4, 4], [16, 16], [64, 64]]
    assert rows[-1][2] == rows[1][2]


def test_a_custom_memory_stands_beside_the_others() -> None:
    output = run("custom_memory.py")

    peaks = {
        line.split()[0]: [int(peak) for peak in re.findall(r"right, peak (\d+)", line)]
        for line in output.splitlines()[1:]
    }
    bound = re.search(r"proven bound (\d+)", output)
    assert bound is not None
    assert int(bound[1]) == 3 * (120 + 60 + 400) + 120 + 60
    assert max(peaks["last-turns"]) <= int(bound[1])
    assert max(peaks["state"]) < max(peaks["last-turns"]) < max(peaks["full"])
    assert peaks["last-turns"][1] == peaks["last-turns"][2]
    assert peaks["full"][2] > 3 * peaks["full"][1]


def test_hotpotqas_paragraphs_become_a_corpus_and_join_another(tmp_path: Path) -> None:
    context = [
        {"title": 'The "red" barn', "sentences": ["Painted", " by Ana."]},
        {"title": "Blank", "sentences": [" "]},
    ]
    row = {"id": "0", "question": "Who?", "golden_answers": ["Ana"], "metadata": {"context": context}}
    other = {**row, "id": "1", "metadata": {"context": [context[0], {"title": "Lake", "sentences": ["In Oslo."]}]}}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (row, other)))
    (tmp_path / "more.jsonl").write_text('{"_id": "7", "title": "Sea", "text": "Deep."}\n')
    output = run("hotpot_corpus.py", *(str(tmp_path / name) for name in ("rows.jsonl", "corpus.jsonl", "more.jsonl")))
    assert "2 paragraphs of the rows and 1 other passages" in output
    assert [(p.id, p.title, p.text) for p in read_corpus(tmp_path / "corpus.jsonl")] == [
        ("hotpotqa-1", 'The "red" barn', "Painted by Ana."),
        ("hotpotqa-2", "Lake", "In Oslo."),
        ("7", "Sea", "Deep."),
    ]
