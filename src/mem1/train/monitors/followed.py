"""All monitors of a run as one, none of which can cost the run anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mem1.errors import Mem1Error
from mem1.installed import missing_hint
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig
from mem1.types import Episode

Values = Mapping[str, float | list[float | None]]
_SHOWN = "episode"


class Monitors:
    """The monitors that a recipe asks for.

    Args:
        wanted: Their configurations.
        run: The run.
        start: How many steps are done.
        say: Where it is said that one has failed; the run goes on without it.

    Raises:
        Mem1Error: One cannot be opened, or its package is not installed.
    """

    def __init__(self, wanted: Sequence[MonitorConfig], run: RunDir, *, start: int, say: Callable[[str], None]) -> None:
        self._say = say
        self._open: dict[str, tuple[MonitorConfig, Monitor]] = {}
        for one in wanted:
            try:
                self._open[one.type] = one, one.build(run, start=start)
            except ModuleNotFoundError as error:
                self.close()
                raise Mem1Error(
                    f"the monitor {one.type!r} needs the package {error.name!r}, which is not installed",
                    where="monitors",
                    hint=missing_hint(str(error.name)),
                ) from error
            except BaseException:
                self.close()
                raise

    def step(self, step: int, values: Values, episode: Episode | None = None) -> None:
        """Numbers after ``step`` steps and, where it is the turn of one, an episode. A list is one number a turn."""
        flat = dict(_flat(values))
        for name, (config, monitor) in list(self._open.items()):
            self._safely(name, lambda one: one.scalars(step, flat), monitor)
            if episode is not None and config.texts_every and step % config.texts_every == 0:
                self._safely(name, lambda one: one.text(step, _SHOWN, as_text(episode)), monitor)

    def close(self) -> None:
        """Nothing more will come."""
        for name, (_, monitor) in list(self._open.items()):
            self._safely(name, lambda one: one.close(), monitor)
        self._open.clear()

    def _safely(self, name: str, do: Callable[[Monitor], None], monitor: Monitor) -> None:
        if name not in self._open:
            return
        try:
            do(monitor)
        except Exception as error:  # it belongs to somebody else, and may raise anything
            del self._open[name]
            self._say(f"the monitor {name} failed, the run goes on without it: {type(error).__name__}: {error}")


def as_text(episode: Episode) -> str:
    """What the policy wrote, turn by turn, and what came of it."""
    parts = [f"{episode.id}: reward {episode.reward}, answers {list(episode.answers)}"]
    for turn in episode.turns:
        parts += [f"--- turn {turn.index + 1}", turn.state or "", turn.action_text, turn.observation or ""]
    return "\n".join(part for part in parts if part)


def _flat(values: Values) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, list):
            found += [(f"{name}/{index:02d}", part) for index, part in enumerate(value) if part is not None]
        else:
            found.append((name, value))
    return found
