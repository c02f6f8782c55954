"""A distillation that runs in a process of its own, to be killed. No torch: it starts at once."""

from __future__ import annotations

import asyncio
import time
from multiprocessing.connection import Connection
from pathlib import Path

from mem1.config import Config
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.config import DistillConfig
from mem1.rollout.distillation.collect import Teacher, distill
from mem1.rollout.group import group_requests
from mem1.storage.run_dir import RunDir
from tests.unit.rollout.worlds import BUDGETS, World, parts, task

JOBS = group_requests([task(f"t{i}") for i in range(20)], 3, seed=0, label="teacher")


def distill_in_child(path: Path, news: Connection) -> None:
    """Distill or go on at ``path``; send each episode's id when it is finished. Every second sample is right."""

    def write(session: str, context: str) -> str:
        time.sleep(0.002)
        good = int(session[-1]) == 1
        return f"<think>{session[-4:]}</think><answer>{'Lima' if good else 'Quito'}</answer>"

    engine = ScriptedEngine(write, CharTokenizer())
    teacher = Teacher("toy", parts(engine, World, StateMemoryConfig(budgets=BUDGETS).build()), "state", None, {})
    there = (path / "config.json").exists()
    run = RunDir.open(path) if there else RunDir.create(path.parent, path.name, Config())
    asyncio.run(distill(JOBS, teacher, DistillConfig(), run, on_episode=lambda episode: news.send(episode.id)))
