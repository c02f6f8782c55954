"""Whether a recipe can be run here: its files, tasks and services are there, its model fits, and how long it takes.

Nothing is loaded that would not be loaded in seconds: of weights the heads are read, of an index what says that it is
whole. Memory and hours are arithmetic (``train/sizing.py``), from what the scripted expert or the bounds say of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mem1.config import load
from mem1.doctor import Check, Status, available_memory
from mem1.errors import Mem1Error
from mem1.event_loop import command_loop, run_here
from mem1.inference.config import TransformersConfig
from mem1.inference.folders import find_folder
from mem1.recipe import NEW_TINY, Recipe
from mem1.runtime.forecast.amounts import Amount
from mem1.runtime.forecast.rehearsal import Rehearsal
from mem1.runtime.services import services_of
from mem1.runtime.sharing.card import files_of
from mem1.runtime.tasks import admitted, evaluation_tasks, train_tasks
from mem1.threads import cores
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import LoraConfig
from mem1.train.sizing import CPU_CORE, H100, Machine, ModelShape, Plan, estimate, model_shape

_GB = 1e9


def examine_recipe(path: Path, overrides: Iterable[str]) -> Iterator[Check]:
    """The findings on a recipe, the quick ones first. Raises ``ConfigError`` where it cannot be read at all."""
    recipe = load(Recipe, path, overrides)
    yield Check("recipe", Status.OK, f"{recipe.name}: {recipe.model}, memory {recipe.memory.type}")
    with command_loop():
        yield from _files(recipe)
        yield from _guarded("index", lambda: _indexes(recipe))
        yield from _guarded("services", lambda: _services(recipe))
        rehearsals: list[Rehearsal] = []
        yield from _guarded("tasks", lambda: _tasks(recipe, rehearsals))
        yield from _guarded("model", lambda: _model(recipe, rehearsals))


def _guarded(name: str, check: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """What a check finds; its failure is a finding."""
    try:
        yield from check()
    except Mem1Error as error:
        found = f"{error.what} ({error.where})" if error.where else error.what
        yield Check(name, Status.FAIL, found, error.hint or "")


def _files(recipe: Recipe) -> Iterator[Check]:
    indexes = {part.folder for part in recipe.retriever.on_disk}
    for name in files_of(recipe):
        path = Path(name)
        if path in indexes:
            continue
        if not path.exists():
            yield Check("file", Status.FAIL, f"{name} is not there", "docs/reproduction.md says where to get it")
        elif path.is_file() and path.stat().st_size == 0:
            yield Check("file", Status.FAIL, f"{name} is empty", "fetch it again")
        else:
            yield Check("file", Status.OK, f"{name}{_size(path)}")


def _size(path: Path) -> str:
    return f", {path.stat().st_size / _GB:.2f} GB" if path.is_file() else ""


def _indexes(recipe: Recipe) -> Iterator[Check]:
    for part in recipe.retriever.on_disk:
        folder = part.folder
        if folder is None or not folder.is_dir() or not any(folder.iterdir()):
            yield Check("index", Status.FAIL, f"{folder} is not there", "mem1 index RECIPE writes it")
            continue
        if part.type == "bm25_disk":
            part.build()  # raises where it is not whole, or another corpus's
        yield Check("index", Status.OK, f"{part.type} in {folder}")


def _services(recipe: Recipe) -> Iterator[Check]:
    """Each service by itself, so that one which is down does not hide another."""
    for name, asking in services_of(recipe):
        try:
            run_here(asking)
        except Mem1Error as error:
            yield Check(name, Status.FAIL, error.what, error.hint or "")
        else:
            if name == "retriever" and recipe.retriever.type == "remote":
                yield Check(name, Status.OK, "the search service answers")


def _tasks(recipe: Recipe, rehearsals: list[Rehearsal]) -> Iterator[Check]:
    rehearsal = Rehearsal(recipe)
    rehearsals.append(rehearsal)
    pool = train_tasks(recipe, rehearsal.world.sources)
    admitted(rehearsal.world.make_env, [pool])
    yield Check("tasks to train on", Status.OK, f"{len(pool):,} of {recipe.tasks.objectives} objectives")
    cells = evaluation_tasks(recipe, rehearsal.world.sources, recipe.evaluate)
    admitted(rehearsal.world.make_env, cells.values())
    found = ", ".join(f"{key.name}: {len(tasks)}" for key, tasks in cells.items())
    yield Check("tasks to measure", Status.OK, found)


def _model(recipe: Recipe, rehearsals: list[Rehearsal]) -> Iterator[Check]:
    engine = recipe.writer
    if not isinstance(engine, TransformersConfig):
        return
    if recipe.model == NEW_TINY:
        yield Check("model", Status.OK, "a new small one is made")
        return
    shape = model_shape(find_folder(recipe.model))
    yield Check("model", Status.OK, f"{recipe.model}, {shape.parameters / 1e6:,.1f} M parameters")
    if not rehearsals:
        return
    plan = plan_of(recipe, engine, shape, step_of(rehearsals[0]))
    for machine in (_here(), H100):
        yield _fits(recipe, shape, plan, machine)


def _fits(recipe: Recipe, shape: ModelShape, plan: Plan, machine: Machine) -> Check:
    sizing = estimate(shape, plan, machine)
    hours = sizing.hours(recipe.train.steps)
    found = (
        f"training needs {sizing.memory.total / _GB:.1f} of {machine.memory / _GB:.1f} GB, and at least {_time(hours)} "
        f"for {recipe.train.steps} steps without evaluations"
    )
    name = f"on {machine.name}" if machine is not H100 else "on one H100"
    if sizing.fits:
        return Check(name, Status.OK, found)
    parts = {field: getattr(sizing.memory, field) / _GB for field in sizing.memory.__slots__}
    largest = ", ".join(f"{field} {size:.1f}" for field, size in sorted(parts.items(), key=lambda one: -one[1])[:3])
    return Check(
        name, Status.WARN, found, f"largest: {largest} GB; an adapter (lora), a smaller model or less capacity"
    )


def step_of(rehearsal: Rehearsal) -> tuple[float, Amount]:
    """Calls of an episode of training and what one call reads and writes, as usual where that is known."""
    recipe = rehearsal.recipe
    pool = train_tasks(recipe, rehearsal.world.sources)[:64]
    amount = rehearsal.usual(pool, recipe.memory, cap=None) or rehearsal.most(pool, recipe.memory, cap=None)
    calls = max(1.0, amount.calls)
    return calls / len(pool), amount.times(1 / calls)


def plan_of(recipe: Recipe, engine: TransformersConfig, shape: ModelShape, step: tuple[float, Amount]) -> Plan:
    """What a training step of ``recipe`` does. The prompt is counted with what is carried: nothing of it is cached."""
    turns, call = step
    train, half = recipe.train, engine.dtype in ("bfloat16", "float16")
    value_bytes = 2 if half else 4
    # Whole weights in half precision are written with beside those that are trained; with staleness any are.
    copied = train.staleness > 0 or (half and recipe.lora is None)
    trained = None if recipe.lora is None else adapter_size(recipe.lora, shape)
    ppo = train.algorithm if isinstance(train.algorithm, Ppo) else None
    return Plan(
        episodes=train.tasks_per_step * train.group_size,
        turns=turns,
        prompt=0,
        carried=max(1, round(call.read)),
        written=max(1, round(call.written)),
        row=train.rows.capacity,
        slots=engine.slots,
        trained=trained,
        frozen_bytes=value_bytes,
        sampler_bytes=value_bytes if copied else 0,
        value_bytes=value_bytes,
        checkpointing=train.checkpointing,
        logit_chunk=train.logit_chunk,
        half=train.autocast == "bfloat16" or (half and recipe.lora is not None),
        reference=train.kl.coef > 0,
        critic=ppo is not None and ppo.critic == "separate",
        epochs=train.epochs,
    )


def adapter_size(lora: LoraConfig, shape: ModelShape) -> int:
    """Parameters of an adapter of all linear layers; fewer are never more: ``r`` times inputs and outputs of each."""
    keys = shape.kv_heads * shape.head_size
    attention = 2 * (shape.hidden + shape.hidden) + 2 * (shape.hidden + keys)
    feed_forward = 3 * (shape.hidden + shape.feed_forward)
    return lora.r * shape.layers * (attention + feed_forward)


def _here() -> Machine:
    count, memory = cores(), available_memory()
    machine = replace(CPU_CORE, name=f"this machine ({count} cores)", flops=count * CPU_CORE.flops)
    return machine if memory is None else replace(machine, memory=memory)


def _time(hours: float) -> str:
    minutes = max(1, round(hours * 60))
    return f"{hours:,.1f} hours" if hours >= 1 else f"{minutes} minute{'s' if minutes > 1 else ''}"
