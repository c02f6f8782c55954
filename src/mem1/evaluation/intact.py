"""Whether the episodes that an evaluation's numbers were made of are still on the disk as they were."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mem1.evaluation.records import Cell, CellKey, Evaluation
from mem1.storage.episodes import not_intact
from mem1.storage.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class Damage:
    """A cell whose numbers nothing supports any more: ``lost`` of its episodes, and why the first of them."""

    cell: Cell
    lost: int
    why: str

    def __str__(self) -> str:
        return (
            f"{self.cell.key.name}, {self.cell.strategy}: {self.lost} of {len(self.cell.stored)} episodes "
            f"are not as they were evaluated: {self.why}"
        )


def damaged_cells(run: RunDir, evaluation: Evaluation) -> list[Damage]:
    """The cells of which not every episode is on the disk with the digest that was kept.

    Cells without digests were written before these were kept; nothing can be said of them. Reads all episodes.
    """
    wanted = {id: digest for cell in evaluation.cells for id, digest in cell.stored.items()}
    if not wanted:
        return []
    bad = not_intact(run.episodes(evaluation.label, compressed=True), dict(wanted))
    found = []
    for cell in evaluation.cells:
        lost = [bad[id] for id in cell.stored if id in bad]
        if lost:
            found.append(Damage(cell, len(lost), lost[0]))
    return found


def without(evaluation: Evaluation, cells: Collection[Cell]) -> Evaluation:
    """``evaluation`` less some cells and all that was worked out with them; it is then not complete."""
    gone = {(cell.strategy, cell.key) for cell in cells}
    keys = {key for _, key in gone}

    def stands(strategies: tuple[str, str], composition: object, objectives: int, session: bool) -> bool:
        here = (composition, objectives, session)
        return not any(here == tuple(key) and (name, key) in gone for key in keys for name in strategies)

    lost = {id for cell in cells for id in cell.stored}
    return evaluation.model_copy(
        update={
            "complete": evaluation.complete and not gone,
            "cells": tuple(cell for cell in evaluation.cells if (cell.strategy, cell.key) not in gone),
            "comparisons": tuple(
                one
                for one in evaluation.comparisons
                if stands((one.left, one.right), one.composition, one.objectives, one.session)
            ),
            "verdicts": tuple(
                one
                for one in evaluation.verdicts
                if stands((one.strategy, one.baseline), one.composition, one.objectives, one.session)
            ),
            "retention": tuple(
                one
                for one in evaluation.retention
                if (one.strategy, one.key) not in gone
                and (one.strategy, CellKey(one.composition, one.base)) not in gone
            ),
            "transcripts": tuple(one for one in evaluation.transcripts if one.episode_id not in lost),
        }
    )
