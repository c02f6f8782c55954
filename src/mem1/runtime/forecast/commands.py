"""What each command would do: its parts, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mem1.evaluation.config import EvaluateConfig
from mem1.memory.config import MemoryConfig
from mem1.prices import Prices
from mem1.recipe import Recipe
from mem1.runtime.evaluate import compared, untrained
from mem1.runtime.forecast.amounts import Amount, Part, total
from mem1.runtime.forecast.rehearsal import Rehearsal
from mem1.runtime.forecast.speeds import Speed
from mem1.runtime.tasks import evaluation_tasks, train_tasks, watched_tasks
from mem1.types import Task


def prices_of(recipe: Recipe) -> Prices | None:
    """What the policy's calls cost, where the recipe says so."""
    found: Prices | None = recipe.evaluate.prices or getattr(recipe.writer, "prices", None)
    return found


def evaluation(rehearsal: Rehearsal, config: EvaluateConfig | None = None, name: str = "") -> list[Part]:
    """A part for each strategy."""
    recipe = rehearsal.recipe
    config = config or recipe.evaluate
    cells = evaluation_tasks(recipe, rehearsal.world.sources, config)
    memories, cap = compared(recipe, rehearsal.tokenizer, config)
    return [_part(rehearsal, f"{name}{strategy}", cells.values(), memory, cap) for strategy, memory in memories.items()]


def training(rehearsal: Rehearsal) -> list[Part]:
    """The episodes of all steps, and those that are watched in between."""
    recipe = rehearsal.recipe
    train, pool = recipe.train, train_tasks(recipe, rehearsal.world.sources)
    drawn = train.steps * train.tasks_per_step
    tasks = pool[:drawn]  # in this order; from the beginning again once all were drawn
    whole = _part(rehearsal, f"training: {train.steps} steps", [tasks], recipe.memory, None)
    factor = drawn / len(tasks) * train.group_size
    usual = whole.usual.times(factor) if whole.usual is not None else None
    most, speed = whole.most.times(factor * (1 + train.refill)), rehearsal.speeds.trained
    part = _timed(
        Part(whole.name, drawn * train.group_size, usual, most), speed, usual.written if usual is not None else None
    )
    return [part, *_watched(rehearsal, train.steps, train.evaluate_every)]


def warming(rehearsal: Rehearsal) -> list[Part]:
    """Demonstrations, which cost time and no call, and the episodes that are watched."""
    config = rehearsal.recipe.warmstart
    shown = Part(f"learning: {config.steps} steps", 0, Amount(), Amount())
    learning = _timed(shown, rehearsal.speeds.warmed, config.steps * config.episodes_per_step)
    return [learning, *_watched(rehearsal, config.steps, config.evaluate_every)]


def teaching(rehearsal: Rehearsal) -> list[Part]:
    """The teacher's episodes, where it is a model."""
    recipe = rehearsal.recipe
    if recipe.distill.people is not None or recipe.distill.teacher == "expert":
        return []
    tasks = train_tasks(recipe, rehearsal.world.sources)
    return [_part(rehearsal, "teacher", [tasks], recipe.memory, None, times=recipe.distill.samples)]


def demonstration(rehearsal: Rehearsal) -> list[Part]:
    """An evaluation, training, another evaluation."""
    first = evaluation(rehearsal, untrained(rehearsal.recipe), "before: ")
    return [*first, *training(rehearsal), *evaluation(rehearsal, name="after: ")]


FORECASTS: Mapping[str, Callable[[Rehearsal], list[Part]]] = {
    "evaluate": evaluation,
    "train": training,
    "warmstart": warming,
    "distill": teaching,
    "demo": demonstration,
}


def told(command: str, recipe: Recipe) -> dict[str, Any]:
    """The parts of a command as rows, their sum last, and notes on what the numbers mean."""
    rehearsal = Rehearsal(recipe)
    parts = FORECASTS[command](rehearsal)
    whole = total(parts)
    prices = prices_of(recipe)
    notes = ["at most: where every turn is used and every budget full; look-backs and retries come on top"]
    if whole.usual is not None:
        notes.insert(0, "calls, tokens: as the scripted expert does it, played on a few of the tasks")
    if prices is None and not recipe.writer.shares_weights:
        notes.append("money: give what a million tokens cost, --evaluate.prices.input X --evaluate.prices.output Y")
    notes.append(_rests_on(whole, recipe))
    if command in ("train", "demo") and recipe.writer.shares_weights:
        notes.append("hours and memory of training: mem1 doctor with this recipe")
    if recipe.side_model is not None:
        notes.append(f"calls of the side model {recipe.side_model} are among them, at the policy's price")
    if recipe.scorer.waits:
        notes.append("what the judge is asked is not among them")
    return {"parts": [part.row(prices) for part in ([*parts, whole] if len(parts) != 1 else parts)], "notes": notes}


def _rests_on(whole: Part, recipe: Recipe) -> str:
    """What the seconds rest on, or why there are none."""
    runs = list(dict.fromkeys(map(str, whole.speeds)))
    if not runs:
        return f"time: not known, for no run below {recipe.runs} used this model on this engine and machine"
    others = f", and {len(runs) - 3} more" if len(runs) > 3 else ""
    return f"time: as fast as {'; '.join(runs[:3])}{others}; other programs beside it change that"


def _watched(rehearsal: Rehearsal, steps: int, every: int) -> list[Part]:
    recipe, tasks = rehearsal.recipe, watched_tasks(rehearsal.recipe, rehearsal.world.sources)
    if not every or not tasks:
        return []
    times = steps // every + 1 + bool(steps % every)
    part = _part(rehearsal, "watched dev tasks", [tasks], recipe.memory, None, times=times)
    if part.seconds is None and part.usual is not None:  # never evaluated, but rolled out in training
        part = _timed(part, rehearsal.speeds.rolled, part.usual.written)
    return [part]


def _part(
    rehearsal: Rehearsal,
    name: str,
    cells: Iterable[Sequence[Task]],
    memory: MemoryConfig,
    cap: int | None,
    *,
    times: int = 1,
) -> Part:
    """All episodes of ``cells``, each played ``times`` times."""
    known = list(cells)
    told = [one for tasks in known if (one := rehearsal.usual(tasks, memory, cap=cap)) is not None]
    usual = sum(told, Amount()).times(times) if len(told) == len(known) else None
    most = sum((rehearsal.most(tasks, memory, cap=cap) for tasks in known), Amount()).times(times)
    part = Part(name, times * sum(map(len, known)), usual, most)
    tokens = usual.read + usual.written if usual is not None else None
    return _timed(part, rehearsal.speeds.playing(memory.type), tokens)


def _timed(part: Part, speed: Speed | None, count: float | None) -> Part:
    """``part`` with the seconds of ``count`` of what ``speed`` is of; as it is where one of them is not known."""
    if speed is None or count is None:
        return part
    return replace(part, seconds=speed.seconds * count, speeds=(speed,))
