"""Zero-shot on the web: the shipped policy, taught on a retriever of its own, searches a double of a search service.

The double (SearXNG's shape, on the loopback interface) finds the world's passages as pages of the web: with an address,
snippets cut as services cut them, and a page of somebody else's among them. The evaluation is recorded once, then
replayed twice without it: the episodes must be the same, byte for byte. ``record(path)`` makes the recording that
``recipes/paper/web-recorded.toml`` replays (``python -m benchmarks.web_transfer FILE``).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mem1 import commands
from mem1.evaluation.records import Evaluation
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.tasks.config import FactbookConfig
from mem1.tools.web.doubles.search import Row, search_double

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "paper" / "web-recorded.toml"
_SNIPPET = 200  # characters
_STRANGER = Row("Cheap flights and hotels", "https://travel.example/offers", "Compare thousands of offers in seconds.")


def find_pages() -> Any:
    """What the double finds: the world's passages by BM25, and a stranger's page in the third place."""
    retriever = Bm25Retriever(FactbookConfig().build().passages)

    def find(query: str, k: int) -> Sequence[Row]:
        hits = asyncio.run(retriever.search([query], k))[0]
        rows = [
            Row(hit.passage.title, f"https://factbook.example/{quote(hit.passage.id)}", _snippet(hit.passage.text))
            for hit in hits
        ]
        return [*rows[:2], _STRANGER, *rows[2:]][:k]

    return find


def record(file: Path, overrides: Sequence[str] = ()) -> None:
    """Evaluate the recipe against the double and keep all outcomes in ``file``."""
    with search_double(find_pages()) as double, tempfile.TemporaryDirectory() as folder:
        found = [f"env.cache.file={file}", "env.cache.mode=record", f"env.search.base_url={double.url}", *overrides]
        commands.evaluate(RECIPE, found, run=Path(folder) / "recorded", resume=False)


def run(quick: bool) -> dict[str, float]:
    """EM, F1, peak and dependency of ``full`` and ``state``; ``same``: 1 where both replays equal the recorded run."""
    overrides = ["evaluate.tasks=16", "evaluate.horizons=[1, 2]"] if quick else []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        file = place / "web.sqlite"
        with search_double(find_pages()) as double:
            source = [f"env.cache.file={file}", f"env.search.base_url={double.url}", *overrides]
            commands.evaluate(RECIPE, [*source, "env.cache.mode=record"], run=place / "recorded", resume=False)
            asked = len(double.asked)
            for name in ("first", "second"):
                commands.evaluate(RECIPE, [*source, "env.cache.mode=replay"], run=place / name, resume=False)
            unasked = len(double.asked) == asked
        runs = [_texts(place / name) for name in ("recorded", "first", "second")]
        cells = RunDir.open(place / "recorded").read_evaluation("evaluation", Evaluation).cells
    figures: dict[str, float] = {"same": float(runs[0] == runs[1] == runs[2] and unasked), "searches": float(asked)}
    for cell in cells:
        for name, metric in cell.metrics.items():
            if str(name) in ("em", "f1", "peak_without_prompt", "dependency"):
                figures[f"{cell.strategy}, {cell.objectives} objectives: {name}"] = metric.mean
    return figures


def _texts(run: Path) -> dict[str, str]:
    """Every episode by its name: all that was seen, written and scored, less what depends on the hour.

    That are its time, and the last bits of log-probabilities, which differ with the rows that a batch had.
    """
    path = RunDir.open(run).episodes("evaluation")
    hours: Any = {"seconds": True, "turns": {"__all__": {"logprobs"}}}
    return {episode.id: episode.model_dump_json(exclude=hours) for episode in read_episodes(path)}


def _snippet(text: str) -> str:
    return text if len(text) <= _SNIPPET else text[:_SNIPPET].rsplit(" ", 1)[0] + " ..."


if __name__ == "__main__":
    record(Path(sys.argv[1]))
