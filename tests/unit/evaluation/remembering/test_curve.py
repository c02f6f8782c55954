from __future__ import annotations

from mem1.evaluation.remembering.curve import fates, shares, survival_curve
from mem1.evaluation.remembering.survival import FactHistory, Fate, Standing

U, S, H, L = Standing.UNSEEN, Standing.SHOWN, Standing.HELD, Standing.LOST
KEPT = FactHistory(objective=0, found=0, due=3, turns=(U, S, H, H), fate=Fate.ANSWERED)
LOST = FactHistory(objective=1, found=0, due=3, turns=(U, S, L, L), fate=Fate.NOT_WRITTEN, lost=2)
LATE = FactHistory(objective=2, found=2, due=3, turns=(U, U, U, S), fate=Fate.NOT_ANSWERED)
NEVER = FactHistory(objective=3, found=None, due=3, turns=(U,) * 4, fate=Fate.NOT_FOUND)
DONE = FactHistory(objective=4, found=0, due=1, turns=(U, S, L, L), fate=Fate.ANSWERED)  # not needed any more


def test_the_curve_is_the_share_still_there_of_those_not_due_earlier() -> None:
    found = survival_curve([KEPT, LOST, LATE, NEVER, DONE])
    assert [(one.age, one.n, one.held) for one in found] == [(1, 4, 1.0), (2, 2, 0.5), (3, 2, 0.5)]


def test_of_nothing_found_there_is_no_curve() -> None:
    assert survival_curve([NEVER]) == ()
    assert shares([NEVER]) == (0.0, None)
    assert shares([]) == (None, None)


def test_found_and_kept_are_shares_of_objectives_and_of_what_was_found() -> None:
    assert shares([KEPT, LOST, LATE, NEVER]) == (0.75, 2 / 3)


def test_fates_are_counted_in_their_order() -> None:
    assert list(fates([NEVER, LOST, KEPT, LATE, KEPT]).items()) == [
        (Fate.ANSWERED, 2),
        (Fate.NOT_FOUND, 1),
        (Fate.NOT_WRITTEN, 1),
        (Fate.NOT_ANSWERED, 1),
    ]
