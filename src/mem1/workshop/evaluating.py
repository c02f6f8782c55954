"""A recipe measures: strategies side by side, and training views against what was sampled."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

from mem1.evaluation.evaluate import evaluate as run_evaluation
from mem1.evaluation.records import Evaluation, PolicyInfo
from mem1.memory.config import MemoryConfig
from mem1.memory.fitting import fitted
from mem1.types import Composition
from mem1.workshop.stage import Stage


class Evaluating(Stage):
    """Measures the recipe's policy."""

    def evaluate_warm_start(self, *, resume: bool) -> Evaluation:
        """The untrained policy under the trained strategy, on the horizons up to twice what is trained on."""
        recipe, limit = self.recipe, 2 * self.recipe.tasks.objectives
        config = recipe.evaluate.model_copy(
            update={
                "strategies": (recipe.memory.type,),
                "horizons": tuple(n for n in recipe.evaluate.horizons if n <= limit) or recipe.evaluate.horizons[:1],
                "session_objectives": 0,
            }
        )
        label = "warm-start"
        shop = type(self)(recipe.model_copy(update={"evaluate": config}), self.run)
        if label in self.run.evaluations() and resume:
            before = self.run.read_evaluation(label, Evaluation)
            if before.complete:
                return before
        return shop.evaluate(label, resume=resume)

    def evaluate(self, label: str, *, version: int = 0, resume: bool) -> Evaluation:
        """All strategies over all horizons, on held-out tasks."""
        config = self.recipe.evaluate
        if version and self.recipe.engine.shares_weights:
            self.sampler.set_version(version)
        memories, cap = self._compared()
        parts = {name: replace(self.parts(one, config.temperature), cap=cap) for name, one in memories.items()}
        return asyncio.run(
            run_evaluation(
                self.cells,
                parts,
                config,
                run=self.run,
                label=label,
                policy=PolicyInfo(model=self.recipe.model, version=version),
                resume=resume,
                equal_budget=cap,
                side_is_policy=self.recipe.side_model == self.recipe.model,
            )
        )

    def _compared(self) -> tuple[dict[str, MemoryConfig], int | None]:
        """The strategies to put side by side; with an equal budget sized to it, and the budget."""
        config, memories = self.recipe.evaluate, self.recipe.compared
        chosen = {name: memories[name] for name in config.strategies}
        if config.equal_budget is None:
            return chosen, None
        cap = config.equal_budget
        if cap == "state":
            cap = memories["state"].build()(self.engine.tokenizer).bound() or 0
        return {name: fitted(one, cap, self.engine.tokenizer) for name, one in chosen.items()}, cap

    def views(self, *, turns: int, episodes: int) -> list[dict[str, Any]]:
        """Training views compared on sampled episodes of up to ``turns`` turns, two an objective."""
        from mem1.train.rows.layouts import compare_views

        tasks = self.tasks("test", Composition.SEQUENTIAL, max(1, turns // 2), episodes, self.recipe.seed)
        done = self.play(tasks, "views")
        rows = compare_views(self.policy.model, [episode for episode in done if not episode.failed])
        named = [asdict(row) for row in rows]
        if all(row["left_out"] is None for row in named):  # the usual case needs no column for it
            return [{key: value for key, value in row.items() if key != "left_out"} for row in named]
        return named
