"""The model card of an exported policy: what it is, how it was made, what it scores, how to run it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1 import __version__
from mem1.envs.prompts import render_prompt
from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.recipe import Recipe
from mem1.storage.toml import to_toml
from mem1.types import Composition, Objective, Task

CARD = "README.md"
_MEASURES = (Measure.PEAK, Measure.ANSWER_RATE)


def model_card(
    recipe: Recipe,
    *,
    name: str,
    step: int,
    base: str,
    evaluations: Sequence[Evaluation],
    versions: Mapping[str, str | None],
    supervised: bool = False,
    watched: Mapping[str, float] | None = None,
    averaged: int = 0,
) -> str:
    """The card, in Markdown with the header that model hubs read.

    Args:
        recipe: What the policy was trained with.
        name: Of the policy.
        step: How many steps it was trained for.
        base: What it was trained from.
        evaluations: What was measured in its run.
        versions: Of the software it was made with.
        supervised: Whether it learned from demonstrations and not from rewards.
        watched: Scores on dev tasks at the end of training.
        averaged: Of how many other policies the weights are the mean with; what was measured is not of them then.
    """
    sections = {
        "Run it again": _again(files_of(recipe)),
        "Figures": _not_measured(averaged) if averaged else _figures(evaluations, step, watched or {}),
        "What it sees": _seen(recipe),
        "Data": _data(recipe),
        "How it was made": _made(recipe, base, step, versions, supervised=supervised),
        "Recipe": f"```toml\n{to_toml(recipe.model_dump(mode='json')).strip()}\n```",
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    how = "on demonstrations" if supervised else f"by `{recipe.train.algorithm.type}`"
    about = f"A language agent with the memory `{recipe.memory.type}`, trained {how} for {step} steps."
    return f"{_header(recipe)}\n# {name}\n\n{about}\n\n{body}\n"


def _header(recipe: Recipe) -> str:
    """YAML; JSON values are YAML too, which spares quoting by hand."""
    entries: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["mem1", "reinforcement-learning", "language-agent", f"memory-{recipe.memory.type}"],
        "datasets": [source.label for source in recipe.all_sources],
    }
    return "---\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in entries.items()) + "---\n"


def _again(files: Sequence[str]) -> str:
    needs = f"It reads {', '.join(f'`{one}`' for one in files)}, which are not in this folder." if files else ""
    return (
        "This folder is a recipe too: `mem1.json` holds all settings, and the model is the folder's own.\n\n"
        "```\n"
        "pip install 'mem1-rl[train]'\n"
        "mem1 evaluate FOLDER              # the same tasks, prompt, tags, budgets and scorer\n"
        "mem1 train FOLDER                 # train it further\n"
        f"```\n\n{needs}"
    ).rstrip()


def _figures(evaluations: Sequence[Evaluation], step: int, watched: Mapping[str, float]) -> str:
    rows = [row for one in evaluations for row in _rows(one)]
    scores = ", ".join(f"{name} {value:.3f}" for name, value in watched.items())
    at_the_end = f"On dev tasks when training ended: {scores}." if scores else ""
    if not rows:
        return at_the_end or "Nothing was measured in its run."
    head = ("evaluation", "steps", "tasks", "strategy", "n", "score", "95 % interval", "peak tokens", "answered")
    lines = [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]
    return "\n".join(lines) + f"\n\nThis folder holds the weights after {step} steps. {at_the_end}".rstrip()


def _not_measured(averaged: int) -> str:
    others = "another policy" if averaged == 1 else f"{averaged} other policies"
    return (
        f"These weights are the mean of those of its run and of {others} that began with the same model. "
        "What the run measured is of its own weights alone and is not told here."
    )


def _rows(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    plan = evaluation.plan
    for cell in evaluation.cells:
        main = next(iter(cell.scored), "")
        metric = cell.metrics.get(main)
        if metric is None:
            continue
        known = metric.low is not None and metric.high is not None
        interval = f"{metric.low:.3f} to {metric.high:.3f}" if known else ""
        measures = (_mean(cell, measure) for measure in _MEASURES)
        measured = (str(metric.n), f"{main} {metric.mean:.3f}", interval, *measures)
        yield plan.label, str(plan.policy.version), cell.key.name, cell.strategy, *measured


def _mean(cell: Cell, measure: str) -> str:
    metric = cell.metrics.get(measure)
    return f"{metric.mean:.3g}" if metric is not None else ""


def _seen(recipe: Recipe) -> str:
    memory = recipe.memory
    rows = {
        "memory": _settings(memory, leave_out=("tags", "budgets")),
        "tags": _settings(memory.tags),
        "budgets, in tokens": _settings(memory.budgets),
        "actions": recipe.env.action_form,
        "scorer": _settings(recipe.scorer),
        "reward": recipe.reward,
        "sampling in evaluations": f"temperature {recipe.evaluate.temperature:g}, seed {recipe.evaluate.seed}",
    }
    table = "\n".join([_line(("what", "is")), _line(("---", "---")), *(_line(pair) for pair in rows.items())])
    prompt = _prompt(recipe)
    return table + (f"\n\nThe prompt, with two questions in it:\n\n```\n{prompt}\n```" if prompt else "")


def _prompt(recipe: Recipe) -> str:
    env = recipe.env
    if not isinstance(env, QaEnvConfig):
        return ""
    one_by_one = recipe.tasks.composition is not Composition.PARALLEL
    task = Task(
        id="example",
        composition=recipe.tasks.composition,
        reveal="one_by_one" if one_by_one else "upfront",
        split="train",
        objectives=tuple(
            Objective(id=number, question=f"What is the {number} question?", answers=("-",), source="card")
            for number in ("first", "second")
        ),
    )
    return render_prompt(env.prompt, task, joined=env.joined, form=env.action_form).strip()


def _data(recipe: Recipe) -> str:
    sources = "\n".join(f"- {_settings(source)}" for source in recipe.all_sources)
    tasks = _settings(recipe.tasks)
    return (
        f"{sources}\n\nTrained on the split `{recipe.split}`: {tasks}.\n"
        f"Evaluated on the split `{recipe.evaluate_split}`."
    )


def _made(recipe: Recipe, base: str, step: int, versions: Mapping[str, str | None], *, supervised: bool) -> str:
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version and name != "platform")
    train = recipe.train
    what = f"{train.tasks_per_step} groups of {train.group_size} episodes, algorithm {_settings(train.algorithm)}"
    if supervised:
        what = f"{recipe.warmstart.episodes_per_step} demonstrations"
    return (
        f"From `{base}`, {step} steps of {what}, seed {recipe.seed}.\n\n"
        f"Made with {known}; exported by mem1 {__version__}."
    )


def _settings(config: Any, leave_out: Sequence[str] = ()) -> str:
    """A configuration in one line, its type first."""
    found = {key: value for key, value in config.model_dump(mode="json").items() if key not in leave_out}
    kind = found.pop("type", None)
    rest = ", ".join(f"{key} = `{json.dumps(value, ensure_ascii=False)}`" for key, value in found.items())
    return f"`{kind}`" + (f": {rest}" if rest else "") if kind is not None else rest


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def files_of(recipe: Recipe) -> list[str]:
    """The files and folders that the recipe's sources and its retriever read, as it names them."""
    sections = [*(source.model_dump() for source in recipe.all_sources), recipe.retriever.model_dump()]
    return sorted({one for section in sections for one in _paths(section)})


def _paths(value: object) -> Iterator[str]:
    if isinstance(value, Path):
        yield value.as_posix()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _paths(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)
