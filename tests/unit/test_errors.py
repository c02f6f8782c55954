"""Errors: what, where, hint; they survive pickling; outside errors become ours at the boundary."""

from __future__ import annotations

import pickle

import pytest

from mem1 import errors
from mem1.errors import BackendError, DataError, InexactError, Mem1Error, ModelError, boundary, short_traceback

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Mem1Error)]


def test_the_text_has_one_line_a_part() -> None:
    error = DataError("row 3 is empty", where="train.jsonl:3", hint="delete the row")
    assert str(error) == "row 3 is empty\n  where: train.jsonl:3\n  hint:  delete the row"


def test_parts_that_are_missing_are_left_out() -> None:
    assert str(DataError("row 3 is empty")) == "row 3 is empty"
    assert str(DataError("row 3 is empty", hint="delete it")) == "row 3 is empty\n  hint:  delete it"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_errors_cross_process_borders_whole(kind: type[Mem1Error]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what", where="where", hint="hint")))
    assert type(copy) is kind
    assert (copy.what, copy.where, copy.hint) == ("what", "where", "hint")
    assert str(copy) == "what\n  where: where\n  hint:  hint"


def test_exit_codes_tell_the_kinds_apart() -> None:
    codes = {kind: kind.exit_code for kind in KINDS if "exit_code" in vars(kind)}  # others inherit their kind's
    assert sorted(codes.values()) == list(range(1, len(codes) + 1))
    assert InexactError.exit_code == ModelError.exit_code == 4


def test_boundary_wraps_an_outside_error_and_keeps_its_cause() -> None:
    with (
        pytest.raises(BackendError) as caught,
        boundary("searching", BackendError, hint="start the server"),
    ):
        raise TimeoutError("30 s")
    assert caught.value.what == "searching: TimeoutError: 30 s"
    assert caught.value.hint == "start the server"
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_boundary_lets_our_own_errors_pass() -> None:
    original = DataError("empty")
    with pytest.raises(DataError) as caught, boundary("searching", BackendError, hint="none"):
        raise original
    assert caught.value is original


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_boundary_lets_an_interrupt_pass(kind: type[BaseException]) -> None:
    with pytest.raises(kind), boundary("searching", BackendError, hint="none"):
        raise kind


def test_a_short_traceback_keeps_the_innermost_frames() -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            raise ValueError("bottom")
        dig(depth - 1)

    try:
        dig(30)
    except ValueError as error:
        text = short_traceback(error, limit=3)
    assert text.rstrip().endswith("ValueError: bottom")
    assert text.count('File "') <= 3
    assert 'raise ValueError("bottom")' in text
