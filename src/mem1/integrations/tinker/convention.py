"""How a service brings the gradients of rows together: found out once, and corrected for.

The protocol sums: the gradient of a call is that of the sum over all rows and tokens of ``weight * loss``. SkyRL's
server divides by the number of rows, and within each row by the sum of its weights, so that short contexts count more
than long ones and a row without advantage halves the step. An advantage multiplied by both numbers undoes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mem1.errors import BackendError
from mem1.train.rows.row import Row

_TOKENS = 4  # trained in a probe
_NEAR = 0.05


@dataclass(frozen=True, slots=True)
class Convention:
    """Whether a service divides by the number of rows, and in each row by its trained tokens."""

    by_rows: bool
    by_tokens: bool

    def scale(self, row: Row, rows: int) -> float:
        """What the advantages of ``row``, one of ``rows`` in the step, are multiplied by to undo it."""
        return (rows if self.by_rows else 1) * (sum(row.trained) if self.by_tokens else 1)


SUM = Convention(by_rows=False, by_tokens=False)
MEAN = Convention(by_rows=True, by_tokens=True)


def probes(token_ids: Sequence[int]) -> list[list[Row]]:
    """Three steps whose gradient norms tell: g; g or g / 4 (by tokens); g or g / 2 (by rows).

    ``token_ids``: any text of more than four tokens.
    """
    one, all_of_them = (0,) * (_TOKENS - 1) + (1,), (1,) * _TOKENS
    alone = _row(token_ids, trained=one, advantages=one)
    return [
        [alone],
        [_row(token_ids, trained=all_of_them, advantages=one)],
        [alone, _row(token_ids, trained=one, advantages=(0,) * _TOKENS)],
    ]


def concluded(norms: Sequence[float | None]) -> Convention:
    """The convention, from the norms of ``probes``; a service that reports none is taken at the protocol's word.

    Raises ``BackendError`` where they fit nothing known.
    """
    known = [norm for norm in norms if norm is not None]
    if len(known) < len(norms):
        return SUM
    alone, by_tokens, by_rows = known
    return Convention(
        by_rows=_divided(alone, by_rows, 2, "a row without advantage beside it"),
        by_tokens=_divided(alone, by_tokens, _TOKENS, f"{_TOKENS - 1} trained tokens without advantage in it"),
    )


def measured(step: Callable[[Sequence[Row]], float | None], token_ids: Sequence[int]) -> Convention:
    """The convention that ``step`` (rows to the norm of their gradient) follows."""
    return concluded([step(rows) for rows in probes(token_ids)])


def _divided(alone: float, norm: float, by: int, what: str) -> bool:
    for divisor in (1, by):
        if abs(norm - alone / divisor) <= _NEAR * alone / divisor:
            return divisor > 1
    raise BackendError(
        f"the service brings rows together in no known way: a row's gradient has the norm {alone:.4g}, and "
        f"{norm:.4g} with {what}",
        where="backend.convention",
        hint='set backend.convention = "sum" or "mean" if you know what it does',
    )


def _row(token_ids: Sequence[int], *, trained: Sequence[int], advantages: Sequence[int]) -> Row:
    before = len(token_ids) - _TOKENS
    return Row(
        token_ids=tuple(token_ids),
        trained=(False,) * before + tuple(map(bool, trained)),
        rollout_logprobs=(0.0,) * len(token_ids),
        advantages=(0.0,) * before + tuple(map(float, advantages)),
        weight=1.0,
        episode_id="probe",
        group_id="probe",
        policy_version=0,
    )
