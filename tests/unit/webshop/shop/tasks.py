"""Objectives made of goals."""

from __future__ import annotations

from dataclasses import asdict

from mem1.types import Objective
from mem1.webshop.catalogue.goals import Goal


def objective(id: str, goal: Goal) -> Objective:
    return Objective(
        id=id,
        question=goal.instruction,
        answers=(goal.asin,),
        source="webshop",
        metadata={"kind": "instruction", "goal": asdict(goal), "entity": goal.asin},
    )
