"""Ctrl-C waits for a block to end."""

from __future__ import annotations

import signal
import threading

import pytest

from mem1.train.interrupt import deferred_interrupt


def interrupted(done: list[str], *, times: int, error: Exception | None = None) -> None:
    with deferred_interrupt():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        if error is not None:
            raise error
        done.append("block")
    done.append("after")


def test_the_first_is_held_back_until_the_end() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done, times=1)
    assert done == ["block"]


def test_the_second_comes_through_at_once() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done, times=2)
    assert done == []


def test_without_one_nothing_happens() -> None:
    done: list[str] = []
    interrupted(done, times=0)
    assert done == ["block", "after"]


def test_an_error_inside_is_not_hidden_and_the_handler_is_put_back() -> None:
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"):
        interrupted([], times=1, error=ValueError("inside"))
    assert signal.getsignal(signal.SIGINT) is former


def test_other_threads_are_left_alone() -> None:
    done = []

    def work() -> None:
        with deferred_interrupt():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
