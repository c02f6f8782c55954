"""A run directory with made-up results: shaped like real ones, with hostile text in the observations."""

from __future__ import annotations

import math
import random
from pathlib import Path

from mem1.config import Config
from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.records import CellKey, Evaluation, Plan, PolicyInfo, Transcript
from mem1.evaluation.verdict import verdicts
from mem1.storage.atomic import write_json
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from mem1.types import (
    Action,
    Answer,
    Composition,
    Episode,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
    tool_call,
)

HOSTILE = (
    "</p></details></section><script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"
    "<style>body{display:none}</style> ]]> {{ 7 * 7 }} {% raw %} \u202etxet desrever\u202c \x00 | ``` [x](https://evil.example/)"
)
PROMPT = 180
STRATEGIES = ("full", "window", "state")
KEYS = tuple(CellKey(Composition.PARALLEL, n) for n in (1, 2, 4, 8, 16, 32))
SESSION = CellKey(Composition.SEQUENTIAL, 40, session=True)


class SyntheticConfig(Config):
    """Nothing to configure."""

    seed: int = 0


def make_run(root: Path, *, evaluated: bool = True, trained: bool = True, tasks: int = 12) -> RunDir:
    """A run with two evaluations (warm start, trained), metrics and exactness rows, as asked for."""
    run = RunDir.create(root, "synthetic", SyntheticConfig())
    if trained:
        _metrics(run, 120)
        write_json(run.path / "views.json", VIEWS)
    if evaluated:
        _evaluate(run, "warm_start", 0, 0.45, tasks)
        if trained:
            _evaluate(run, "trained", 120, 0.85, tasks)
    return run


VIEWS = [
    {"view": "packed", "mean": 0.0000003, "max": 0.0000021, "tokens": 4210, "ratio_leaves_clip_range": 0.0},
    {"view": "reference", "mean": 0.0, "max": 0.0, "tokens": 4210, "ratio_leaves_clip_range": 0.0},
    {"view": "legacy", "mean": 1.2412, "max": 9.5021, "tokens": 4210, "ratio_leaves_clip_range": 0.4512},
]


def _evaluate(run: RunDir, label: str, version: int, skill: float, tasks: int) -> None:
    keys = dict.fromkeys(KEYS, tasks) | {SESSION: 2}
    with EpisodeWriter(run.episodes(label, compressed=True)) as writer:
        cells, transcripts = [], []
        for key, count in keys.items():
            for strategy in STRATEGIES:
                episodes = [_episode(label, strategy, key, k, skill, version) for k in range(count)]
                for episode in episodes:
                    writer.write(episode)
                cells.append(make_cell(strategy, key, episodes, Bootstrap(resamples=200)))
                transcripts.append(_transcript(episodes[0]))
    plan = Plan(
        label=label,
        policy=PolicyInfo(model="builtin:tiny", checkpoint=f"step-{version}", version=version),
        strategies=STRATEGIES,
        cells={key.name: tuple(f"{key.name}-{k}" for k in range(count)) for key, count in keys.items()},
        seed=0,
        temperature=0.0,
        resamples=200,
        confidence=0.95,
    )
    comparisons = compare_strategies(cells, Bootstrap(resamples=200))
    evaluation = Evaluation(
        plan=plan,
        complete=True,
        cells=tuple(cells),
        comparisons=comparisons,
        verdicts=verdicts(cells, "full", Bootstrap(resamples=200)),
        transcripts=tuple(transcripts),
    )
    run.write_evaluation(label, evaluation)


def _episode(label: str, strategy: str, key: CellKey, k: int, skill: float, version: int) -> Episode:
    random_ = random.Random(f"{label}{strategy}{key}{k}")
    size = key.objectives
    task = Task(
        id=f"{key.name}-{k}",
        composition=key.composition,
        reveal="one_by_one" if key.session else "upfront",
        split="test",
        objectives=tuple(
            Objective(
                id=f"q{k}-{i}", question=f"What is the capital of country {i}?", answers=(f"Town {i}",), source="x"
            )
            for i in range(size)
        ),
    )
    hold = {"full": 1.0 if size < 16 else 0.5, "window": min(1.0, 4 / size), "state": 1 / (1 + size / 40)}[strategy]
    em = tuple(float(random_.random() < skill * hold) for _ in range(size))
    count = size * 2 if key.session else size + 1
    turns = tuple(_turn(strategy, key, i, count, random_, version) for i in range(count))
    failed = k == 5 and strategy == "window" and size == 4
    score = Score(
        metrics={"em": em, "f1": tuple(min(1.0, v + 0.2 * random_.random()) for v in em)},
        answered=(True,) * size,
        scorer="em",
    )
    return Episode.model_validate(
        {
            "id": f"{label}/{strategy}/{key.name}/{task.id}",
            "group_id": task.id,
            "task": task,
            "strategy": strategy,
            "turns": turns,
            "answers": tuple(f"Town {i}" if v else f"Village {i}" for i, v in enumerate(em)),
            "stop": StopReason.ERROR if failed else StopReason.ANSWERED,
            "seconds": 0.2 * count * (1 + (strategy == "full") * size / 8),
            "reward": None if failed else sum(em),
            "score": None if failed else score,
            "error": {"type": "BackendError", "message": HOSTILE} if failed else None,
        }
    )


def _turn(strategy: str, key: CellKey, i: int, count: int, random_: random.Random, version: int) -> Turn:
    state_length = int(min(60, 24 + 3 * i * (not key.session)) + random_.random() * 8)
    written = state_length + 14
    seen = 60
    if strategy == "full":
        carried = i * (written + seen)
    elif strategy == "window":
        carried = min(512, i * (written + seen))
    else:
        carried = (written + seen) * (i > 0)
    last = i % 2 == 1 if key.session else i == count - 1
    action: Action = Answer(text=f"Town {i // 2}") if last else tool_call("search", query=f"capital of country {i}")
    facts = "; ".join(f"country {j}: Town {j}" for j in range(max(0, i - 4), i))
    return Turn(
        index=i,
        prompt_token_ids=(7,) * (PROMPT + carried),
        prefix_length=PROMPT,
        completion_token_ids=(8,) * written,
        logprobs=(-0.1,) * written,
        sampled_mask=(True,) * (state_length - 1) + (i != 3,) + (True,) * 14,
        state_length=state_length,
        finish=FinishReason.STOP,
        policy_version=version,
        state=f"<think>Known so far: {facts or 'nothing'}. Next: country {i}.</think>",
        action=action,
        action_text="<search>capital</search>",
        observation=f"{count - i - 1} turns left. Country {i}. Its capital is Town {i}. " + (HOSTILE if i == 1 else ""),
        observation_length=seen,
        objective=i // 2 if key.session else 0,
    )


def _transcript(episode: Episode) -> Transcript:
    turns = episode.turns[:24]
    return Transcript(
        episode_id=episode.id,
        prompt="Answer all questions. " + HOSTILE,
        contexts=tuple("" if t.index == 0 else f"<information>Town. {HOSTILE}</information>" for t in turns),
        completions=tuple(t.state for t in turns),
    )


def _metrics(run: RunDir, steps: int) -> None:
    random_ = random.Random(0)
    with MetricsWriter(run.metrics) as writer:
        for step in range(1, steps + 1):
            level = 1 / (1 + math.exp(-(step - 40) / 15))
            writer.write(
                step,
                {
                    "reward/mean": 0.8 + 0.9 * level + random_.gauss(0, 0.08),
                    "quality/em": 0.4 + 0.45 * level + random_.gauss(0, 0.04),
                    "quality/answer_rate": 0.95 + 0.05 * level,
                    "episode/state_length": 40 - 8 * level + random_.gauss(0, 1),
                    "episode/peak_without_prompt": 230 - 20 * level + random_.gauss(0, 3),
                    "policy/entropy": 0.5 - 0.3 * level + random_.gauss(0, 0.02),
                    "policy/kl_reference": 0.02 * level + abs(random_.gauss(0, 0.002)),
                    "policy/clip_fraction": None if step == 7 else abs(random_.gauss(0.01, 0.005)),
                    "policy/ratio_by_turn": [1.0, None],
                    "count/without_signal": random_.randint(0, 4),
                },
            )
