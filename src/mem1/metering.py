"""What the models of a command were asked so far: calls, tokens, money, retries; and the most that may be spent.

One meter counts at a time (``metering``). The agent tells it of each call before and after, the HTTP client of each
retry. Whoever shows progress reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from mem1.errors import ConfigError, SpendingLimitError

if TYPE_CHECKING:  # pydantic
    from mem1.types import Usage

Price = Callable[[int, int, int], float]
"""What a call costs, from its prompt tokens, those of them that were cached, and its completion tokens."""


class Meter:
    """Counts calls and refuses those beyond a limit.

    ``max_calls`` is never passed. ``max_cost`` ends the command with the call after the one that reached it: calls
    that are in flight at that moment are still paid for.

    Args:
        max_calls: Most calls of a model, side calls among them; ``None`` for no limit.
        max_cost: Most money, in ``currency``.
        price: What a call costs where its backend does not say so; ``None``: unknown.
        currency: Of all costs.
    """

    def __init__(
        self,
        *,
        max_calls: int | None = None,
        max_cost: float | None = None,
        price: Price | None = None,
        currency: str = "USD",
    ) -> None:
        self.max_calls = max_calls
        self.max_cost = max_cost
        self.currency = currency
        self.calls = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost: float | None = None
        self._price = price
        self._retries: dict[int, tuple[int, int]] = {}
        self._lock = Lock()

    def priced(self, price: Price | None, currency: str = "USD", *, elsewhere: bool = False) -> None:
        """What calls cost where their backend does not say so; ``elsewhere``: whether it does.

        Raises ``ConfigError`` where there is a limit of money and nobody knows what anything costs.
        """
        if price is not None:
            self._price, self.currency = price, currency
        elif self.max_cost is not None and not elsewhere:
            raise ConfigError(
                "nobody knows what a call costs here, so no amount would ever be reached",
                where="--max-cost",
                hint="give the prices of a million tokens (--evaluate.prices.input 0.15 --evaluate.prices.output 0.6), "
                "or limit the calls: --max-calls",
            )

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def retrying(self) -> str:
        """``3/5``: the call that was tried most often by now, and how often it will be; ``""`` where none is."""
        with self._lock:
            worst = max(self._retries.values(), default=None)
        return f"{worst[0]}/{worst[1]}" if worst is not None else ""

    def begins(self) -> None:
        """A call is about to be made. Raises ``SpendingLimitError`` where it may not be."""
        reached = None
        if self.max_calls is not None and self.calls >= self.max_calls:
            reached = f"{self.calls:,} calls were made, and --max-calls allows no more"
        elif self.max_cost is not None and self.cost is not None and self.cost >= self.max_cost:
            reached = f"{self.cost:,.4f} {self.currency} are spent, and --max-cost allows {self.max_cost:g}"
        if reached is not None:
            raise SpendingLimitError(
                reached, hint="everything finished is on disk: go on with --run DIR --resume and a higher limit"
            )
        self.calls += 1

    def ended(self, prompt: int, completion: int, usage: Usage | None) -> None:
        """A call was answered: tokens as sent and as received, and what its backend says of it."""
        known = usage.cost if usage is not None else None
        if known is None and self._price is not None:
            known = self._price(prompt, usage.cached_tokens if usage is not None else 0, completion)
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        if known is not None:
            self.cost = (self.cost or 0.0) + known

    @contextmanager
    def tries(self, of: int) -> Iterator[Callable[[int], None]]:
        """Within the block, a call that may be tried again ``of`` times: tell it the number of each of these tries."""
        key = object()

        def again(attempt: int) -> None:
            with self._lock:
                self._retries[id(key)] = (attempt, of)

        try:
            yield again
        finally:
            with self._lock:
                self._retries.pop(id(key), None)


_meters: list[Meter] = [Meter()]


def meter() -> Meter:
    """The one that counts now."""
    return _meters[-1]


@contextmanager
def metering(counts: Meter) -> Iterator[Meter]:
    """Let ``counts`` count in this block."""
    _meters.append(counts)
    try:
        yield counts
    finally:
        _meters.remove(counts)
