"""Did anything happen at all? Episodes of which none got going measure nothing, whatever their scores say."""

from __future__ import annotations

from collections.abc import Iterable

from mem1.errors import BackendError, ConfigError
from mem1.types import Episode, EpisodeError

_ENOUGH = 12  # failures with nothing else before them: more of them tell nothing more


class RolloutHealthCheck:
    """Watches episodes go by. One that took a turn is enough to make the others' scores mean something.

    With ``what`` it does not wait for the end: where the first dozen fail, ``see`` raises as ``check`` would.
    """

    def __init__(self, episodes: Iterable[Episode] = (), *, what: str | None = None) -> None:
        self._what = what
        self._count = 0
        self._failed = 0
        self._failure: EpisodeError | None = None
        self._got_going = False
        for episode in episodes:
            self.see(episode)

    def see(self, episode: Episode) -> None:
        """Take note of an episode. Raises as ``check`` where ``what`` is named and nothing but failures was seen."""
        self._count += 1
        if episode.error is not None:
            self._failed += 1
            self._failure = self._failure or episode.error
        elif episode.turns:
            self._got_going = True
        if self._what is not None and self._failed == self._count == _ENOUGH:
            self.check(self._what)

    def check(self, what: str) -> None:
        """Raise if there were episodes and none of them got going; ``what`` names them.

        Raises:
            BackendError: All failed; the first one's error is told.
            ConfigError: None that did not fail had room for a single turn.
        """
        if not self._count or self._got_going:
            return
        if self._failure is not None and self._failed == self._count:
            raise BackendError(
                f"all {self._count} episodes failed, the first with {self._failure.type}: {self._failure.message}",
                where=what,
                hint="mend the cause, then go on with the run: --run DIR --resume",
            )
        raise ConfigError(
            f"none of {self._count} episodes had room for a single turn",
            where=what,
            hint="the prompt and memory.budgets together are longer than the context: lower memory.budgets, raise "
            "engine.max_context, or ask for fewer objectives",
        )
