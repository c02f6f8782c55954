"""What `benchmarks/credit.py` computes of scores by step, and what it keeps of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.toys.curves import Kept, at_the_end, differences, first_at, interval, listed, versus
from mem1.errors import ConfigError


def never() -> NoReturn:
    raise AssertionError("what is kept is made again")


def interrupted() -> NoReturn:
    raise KeyboardInterrupt


def test_a_share_is_reached_where_the_mean_of_five_steps_is() -> None:
    scores = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert [first_at(scores, share) for share in (0.2, 0.3, 0.6, 1.0)] == [5, 6, 7, 9]


def test_one_good_step_reaches_nothing() -> None:
    assert first_at([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 0.45) is None
    assert first_at([1.0] * 4, 0.45) is None


def test_the_end_is_the_last_twenty_steps() -> None:
    assert at_the_end([0.0] * 30 + [0.5] * 10 + [1.0] * 10) == 0.75


def test_an_interval_is_students_over_seeds() -> None:
    # mean 2, deviation 1, t of 2 degrees of freedom 4.3027: 4.3027 / sqrt 3 = 2.484
    assert interval([1.0, 2.0, 3.0], 1) == "2.0 (-0.5 to 4.5, 3 seeds)"
    assert interval([0.25]) == "0.250 (1 seed)"


def test_seeds_are_compared_with_themselves_and_left_out_where_one_never_got_there() -> None:
    sooner, later = [72, None, 80], [92, 100, 110]
    assert differences(sooner, later) == [-20, -30]
    # mean -25, deviation 7.0711, t of 1 degree of freedom 12.706: 12.706 * 7.0711 / sqrt 2 = 63.53
    assert versus(sooner, later, 1) == "-25.0 (-88.5 to 38.5, 2 seeds); not in 1 of 3, where one never got there"
    assert versus([None], [3], 1) == "no seed in which both got there"
    assert listed(sooner, 0) == "72, never, 80"


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "credit.json"
    first = Kept(file)
    assert first.get({"seed": 0, "steps": (1, 2)}, lambda: [0.25, 0.5]) == [0.25, 0.5]
    with pytest.raises(KeyboardInterrupt):
        first.get({"seed": 1}, interrupted)
    again = Kept(file)
    assert again.get({"steps": (1, 2), "seed": 0}, never) == [0.25, 0.5]
    assert again.get({"seed": 1}, lambda: [1.0]) == [1.0]
    assert [one["found"] for one in json.loads(file.read_bytes())] == [[0.25, 0.5], [1.0]]


def test_a_run_of_other_settings_is_another_run(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "credit.json")
    kept.get({"seed": 0, "settings": {"credit": "episode"}}, lambda: [0.1])
    assert kept.get({"seed": 0, "settings": {"credit": "objective"}}, lambda: [0.2]) == [0.2]
    assert kept.get({"seed": 0, "settings": {"credit": "episode"}}, never) == [0.1]


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[1]", '[{"run": {}}]'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "credit.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not what this benchmark keeps"):
        Kept(tmp_path / "credit.json")
