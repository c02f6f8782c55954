"""A package of somebody else's: one memory, one environment with a tool of its own, one scorer, one estimator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "mem1-stranger"
version = "1.0"

[project.entry-points."mem1.parts"]
"memory.turns" = "mem1_stranger.memory:TurnsConfig"
"environment.guess" = "mem1_stranger.env:GuessConfig"
"scorer.near" = "mem1_stranger.scorer:NearConfig"
"estimator.centred" = "mem1_stranger.estimator:CentredConfig"

[tool.setuptools]
packages = ["mem1_stranger"]
"""

MEMORY = '''
"""A memory that keeps the last turns whole."""

from typing import Literal

from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.window import WindowMemory


class TurnsMemory(WindowMemory):
    name = "turns"


class TurnsConfig(MemoryConfig):
    type: Literal["turns"] = "turns"
    tokens: int = 200

    def make(self, turn):
        return TurnsMemory(turn, self.tokens)

    def sized(self, tokens):
        return self.model_copy(update={"tokens": tokens})
'''

ENV = '''
"""A world without a search: a letter of the answer can be peeked at."""

from typing import ClassVar, Literal

from mem1.envs.config import EnvConfig
from mem1.types import Answer, Observation, ToolCall, text_tool

PEEK = text_tool("peek", "place", "see one letter of the answer")


class Guess:
    tools = (PEEK,)
    takes_answer = True
    objective = 0

    def __init__(self, task, turns, scorer):
        self.task, self.max_turns, self._left, self._scorer = task, turns, turns, scorer
        self.answers = (None,) * task.size

    def reset(self):
        questions = "; ".join(objective.question for objective in self.task.objectives)
        return f"{questions}\\nUse <peek> number </peek> or <answer> text </answer>.\\n", None

    async def step(self, action):
        self._left -= 1
        if isinstance(action, Answer):
            self.answers = (action.text,) * self.task.size
            return Observation(head="", done=True)
        if isinstance(action, ToolCall):
            assert action.name == "peek"
            return Observation(head="It begins with " + self.task.objectives[0].answers[0][:1], done=self._left < 1)
        return Observation(head="Guess!", done=self._left < 1)

    def score(self):
        return self._scorer(self.task, self.answers)


class GuessConfig(EnvConfig):
    needs: ClassVar = frozenset({"scorer"})
    type: Literal["guess"] = "guess"
    turns: int = 2

    def build(self, scorer):
        return lambda task: Guess(task, self.turns, scorer)
'''

SCORER = '''
"""Every other episode is right, so that there is something to learn from."""

import itertools
from typing import Literal

from mem1.rewards.config import ScorerConfig
from mem1.rewards.standard import StandardScorer


class Near:
    name = "near"

    def __init__(self):
        self._count = itertools.count()

    def __call__(self, task, answers, *, extra_answers=0):
        score = StandardScorer()(task, answers, extra_answers=extra_answers)
        right = float(next(self._count) % 2)
        metrics = {**score.metrics, "near": (right,) * task.size}
        return score.model_copy(update={"scorer": self.name, "metrics": metrics})


class NearConfig(ScorerConfig):
    type: Literal["near"] = "near"

    def build(self):
        return Near()
'''

ESTIMATOR = '''
"""The reward less the mean of all."""

from typing import Literal

from mem1.train.advantages.config import Algorithm

CALLS = []


class CentredConfig(Algorithm):
    type: Literal["centred"] = "centred"
    bonus: float = 0.5

    def build(self):
        def estimate(groups):
            CALLS.append(len(groups))
            flat = [reward for group in groups for reward in group]
            mean = sum(flat) / len(flat)
            return [[reward - mean + self.bonus for reward in group] for group in groups]

        return estimate
'''

RECIPE = """
name = "stranger"
watch_tasks = 0
reward = "near"

[memory]
type = "{memory}"
tokens = 120
budgets = {{ state = 32, action = 24, observation = 48 }}

[env]
type = "{env}"

[scorer]
type = "{scorer}"

[engine]
slots = 4
max_context = 1024

[tasks]
objectives = 1
count = 8

[train]
steps = 3
tasks_per_step = 1
group_size = 2
checkpoint_every = 3

[train.algorithm]
type = "{estimator}"

[evaluate]
strategies = ["{memory}"]
baseline = "{memory}"
horizons = [1]
tasks = 2
session_objectives = 0
"""
BY_NAME = {"memory": "turns", "env": "guess", "scorer": "near", "estimator": "centred"}
BY_PATH = {
    "memory": "mem1_stranger.memory:TurnsConfig",
    "env": "mem1_stranger.env:GuessConfig",
    "scorer": "mem1_stranger.scorer:NearConfig",
    "estimator": "mem1_stranger.estimator:CentredConfig",
}


def install(folder: Path) -> Path:
    """Write the package, install it with pip; returns the directory that it was installed into."""
    source, target = folder / "source", folder / "site"
    package = source / "mem1_stranger"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text("")
    for name, text in {"memory": MEMORY, "env": ENV, "scorer": SCORER, "estimator": ESTIMATOR}.items():
        (package / f"{name}.py").write_text(text)
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)], check=True)
    return target
