"""The trainer ``mem1`` with everything of a run but Ray: agent loop, sampler, engine, hand-over, run directory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mem1.integrations.verl.inside import trainer as module
from mem1.integrations.verl.inside.agent_loop import REQUEST, Mem1AgentLoop
from mem1.integrations.verl.inside.cpu.server import Server
from mem1.integrations.verl.inside.outputs import episode_of
from mem1.integrations.verl.settings import settings
from mem1.recipe import Recipe
from mem1.runtime.tasks import train_tasks
from mem1.runtime.world import task_sources
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.saving.export import export
from mem1.types import Episode, Task
from tests.unit.integrations.verl.alone import policy_of, recipe


class Playing:
    """What ``Players`` does, in this process: verl's workers would run the same agent loops."""

    def __init__(self, *_: Any) -> None:
        pass

    def loops(self) -> Any:
        """A fresh agent loop; each test says over which server."""
        raise NotImplementedError

    async def played(
        self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0
    ) -> list[Episode]:
        runs = []
        for position, task in enumerate(tasks):
            asked: dict[str, Any] = {
                "task": task.model_dump(mode="json"),
                "group": f"{label}/{position}",
                "label": label,
            }
            asked |= {"position": position, "temperature": temperature}
            runs += [
                self.loops().run({}, **{REQUEST: json.dumps(asked), "session_id": member}) for member in range(size)
            ]
        outputs = await asyncio.gather(*runs)
        for rows in outputs:
            assert len(rows) == len({tuple(row.prompt_ids) for row in rows}), "a row for each context"
        return [episode_of(rows[0].extra_fields) for rows in outputs]


def test_two_steps_leave_a_run_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = TrainConfig(
        steps=2,
        tasks_per_step=2,
        group_size=4,
        checkpoint_every=1,
        normalisation="episode",
        optimizer=OptimizerConfig(lr=1e-4),
        no_signal_limit=10,
    )
    told: Recipe = recipe(
        "builtin:tiny",
        train,
        tasks={"composition": "sequential", "objectives": 2, "count": 8},
        env={"prompt": "brief"},
        engine={"max_context": 1024, "slots": 16},
        memory={"type": "state", "budgets": {"state": 64, "action": 32, "observation": 128}},
    )
    config = settings(told, told.backend, run=tmp_path / "run", allow_imports=False)  # type: ignore[arg-type]
    workers = policy_of(config)
    server = Server(str(config.actor_rollout_ref.model.path), slots=16, max_context=1024, prefill_tokens=4096)

    class Client:
        async def generate(self, name: str, *, prompt_ids: list[int], sampling_params: dict[str, Any]) -> Any:
            return await server.generate(name, prompt_ids, sampling_params)

    def hand_over(version: int) -> None:
        named, _ = workers.worker.actor.engine.get_per_tensor_param()
        asyncio.run(server.load({name: value.detach().clone() for name, value in named}, version))

    monkeypatch.setattr(Playing, "loops", lambda self: Mem1AgentLoop(SimpleNamespace(config=config), Client()))
    monkeypatch.setattr(module, "Players", Playing)
    trainer = object.__new__(module.Mem1Trainer)
    trainer.recipe, trainer.config = told, config
    trainer.run = RunDir.create(tmp_path, "run", told)
    trainer.actor_rollout_wg, trainer.use_critic, trainer.replay_buffer = workers, False, None
    trainer.checkpoint_manager = SimpleNamespace(update_weights=hand_over, sleep_replicas=lambda: None)
    trainer.pool, trainer.watched = train_tasks(told, task_sources(told)), []
    trainer.fit(None)

    assert trainer.result is not None
    assert trainer.result.step == 2
    metrics = [json.loads(line) for line in trainer.run.metrics.read_text().splitlines()]
    assert [line["step"] for line in metrics] == [1, 2]
    assert [line["count/failed"] for line in metrics] == [0, 0]
    updated = [line for line in metrics if "policy/updates" in line]
    assert updated, "no two rewards differed in either step"
    for line in updated:
        assert line["policy/updates"] == 1
        assert line["policy/rollout_gap_max"] <= 1e-4
    found: dict[str, set[int]] = {}
    for episode in read_episodes(trainer.run.episode_files()["train"]):
        found.setdefault(episode.id.split("/")[1], set()).update(turn.policy_version for turn in episode.turns)
    assert found == {"0": {0}, "1": {1}}
    assert export(trainer.run, tmp_path / "model", dtype="float32") == 2
