"""How a command begins: the recipe is read and its parts are built before there is a run directory."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console

from mem1.config import differences, load
from mem1.errors import ConfigError
from mem1.event_loop import command_loop
from mem1.imports import imports
from mem1.inference.base import Tokenizer
from mem1.metering import meter
from mem1.progress import Reporter, reporting, screen
from mem1.recipe import Recipe
from mem1.runtime.services import check_services
from mem1.storage.guards.lock import check_unlocked, locked
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import keep_vocabulary
from mem1.train.config import may_go_on

Grows = Literal["train", "warmstart"]


@dataclass(slots=True)
class Start:
    """A recipe, and the run that its results will go to.

    Attributes:
        recipe: What is asked for.
        directory: Where to begin a run; ``None``: a new one under the recipe's ``runs``.
        opened: The run that is resumed, if one is.
        changed: Whether the recipe differs from that run's own, as far as it may.
        held: What is let go when the command ends: the run's lock.
    """

    recipe: Recipe
    directory: Path | None
    opened: RunDir | None
    changed: bool
    held: ExitStack
    console: Console = field(default_factory=screen)

    def begin(self, tokenizer: Tokenizer) -> RunDir:
        """Make the run directory, or go on in the one that is resumed. Raises ``StorageError``.

        Call it once all that the command needs is there, so that a start which fails for want of data or a model
        leaves nothing behind. The vocabulary of ``tokenizer`` is kept, so that episodes can be read without the model.
        """
        recipe, run = self.recipe, self.opened
        if run is None:
            where = self.directory or RunDir.reserve(recipe.runs, f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}")
            self.held.enter_context(locked(where))
            run = RunDir.create(where.parent, where.name, recipe, seeds={"recipe": recipe.seed})
        elif self.changed:
            run.write_config(recipe)
        keep_vocabulary(run.vocabulary, tokenizer)
        self.held.enter_context(reporting(Reporter(self.console, log=run.log)))
        self.console.print(f"run: {run.path}", highlight=False, markup=False, soft_wrap=True)
        return run


@contextmanager
def opening(
    path: Path,
    overrides: Iterable[str],
    *,
    run: Path | None,
    resume: bool,
    grows: Grows | None = None,
    free: Collection[str] = (),
) -> Iterator[Start]:
    """Read the recipe and see that its run can begin, or go on; while the block runs nobody else can write the run.

    A resumed run may differ in the ``free`` keys, and may ask for more steps of what ``grows`` where that gives what
    asking at once would have given. Raises ``Mem1Error``.
    """
    recipe = load(Recipe, path, overrides)
    _know_prices(recipe)
    if resume and run is None:
        raise ConfigError("which run to resume?", where="--resume", hint="name its directory: --run DIR --resume")
    with ExitStack() as held:
        held.enter_context(command_loop())
        opened, changed = None, False
        if resume and run is not None:
            RunDir.open(run)  # before there is a lock in what is no run
            held.enter_context(locked(run))
            opened = RunDir.open(run)
            changed = _refuse_changes(opened, recipe, grows, free)
        elif run is not None:
            check_unlocked(run)
            RunDir.check_free(run)
        check_services(recipe)
        yield Start(recipe, run, opened, changed, held)


def _know_prices(recipe: Recipe) -> None:
    """Tell the meter what calls cost. Raises ``ConfigError`` where money is limited and no price is known."""
    listed = recipe.evaluate.prices
    stated = getattr(recipe.writer, "prices", None) is not None

    def price(prompt: int, cached: int, completion: int) -> float:
        assert listed is not None
        return listed.cost(prompt=prompt, cached=cached, completion=completion)

    meter().priced(price if listed is not None else None, listed.currency if listed else "USD", elsewhere=stated)


def _refuse_changes(opened: RunDir, recipe: Recipe, grows: Grows | None, free: Collection[str]) -> bool:
    """Whether the recipe differs from the run's own at all. Raises ``ConfigError`` where it may not."""
    with imports("known"):  # it may be somebody else's: nothing that it names is imported
        begun = opened.config(Recipe)
    free = (*free, "monitors")  # who watches changes nothing
    free = (*free, *(f"backend.{key}" for key in recipe.backend.free))
    changed = [name for name in differences(begun, recipe) if not any(f"{name}.".startswith(f"{key}.") for key in free)]
    if grows is not None and may_go_on(getattr(begun, grows), getattr(recipe, grows)):
        changed = [name for name in changed if name != f"{grows}.steps"]
    if changed:
        raise ConfigError(
            f"the run was begun with another {', '.join(changed)}",
            where=str(opened.path),
            hint=f"resume it with {opened.config_toml}, or start a new run (steps may be raised while the learning "
            "rate's schedule is constant)",
        )
    return begun != recipe
