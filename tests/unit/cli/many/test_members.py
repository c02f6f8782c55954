"""Which runs a sweep has, how they are called and started."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mem1.cli.many.members import Member, members, values
from mem1.errors import ConfigError


def test_each_combination_is_run_with_each_seed() -> None:
    found = members(["train.optimizer.lr=1e-6,3e-6", "train.steps=20", "memory.type=state,window"], range(2))
    assert [one.name for one in found] == [
        "lr-1e-6_type-state_seed-0", "lr-1e-6_type-state_seed-1",
        "lr-1e-6_type-window_seed-0", "lr-1e-6_type-window_seed-1",
        "lr-3e-6_type-state_seed-0", "lr-3e-6_type-state_seed-1",
        "lr-3e-6_type-window_seed-0", "lr-3e-6_type-window_seed-1",
    ]  # fmt: skip
    assert found[1].overrides == ("train.optimizer.lr=1e-6", "train.steps=20", "memory.type=state", "seed=1")


def test_without_anything_to_vary_there_is_one_run_a_seed() -> None:
    assert [one.name for one in members(["!train.kl"], range(7, 9))] == ["seed-7", "seed-8"]
    assert members(["!train.kl"], [7])[0].overrides == ("!train.kl", "seed=7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2", ["1", "2"]),
        ("[1,2],[4]", ["[1,2]", "[4]"]),
        ('{ type = "a, b" }', ['{ type = "a, b" }']),
        ("'a,b','c'", ["'a,b'", "'c'"]),
        ("{a = [1,2]},{a = [3]}", ["{a = [1,2]}", "{a = [3]}"]),
        ("", [""]),
    ],
)
def test_commas_in_brackets_and_quotes_are_no_borders(text: str, expected: list[str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        (["a=1,,2"], "a value is missing"),
        (["a=1,2,1"], "is given twice"),
        (["a=1", "a=2"], "a is given twice"),
        (["seed=1,2"], "seeds are counted"),
        ([f"a={','.join(map(str, range(40)))}", f"b={','.join(map(str, range(40)))}"], "1600 runs"),
    ],
)
def test_what_is_no_sweep_is_refused(overrides: list[str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        members(overrides, [0])


def test_values_that_look_alike_as_names_have_names_of_their_own() -> None:
    found = members(["a.x=one/two,one:two"], [0])
    assert [one.name for one in found] == ["x-one-two_seed-0", "x-one-two_seed-0-2"]


def test_a_line_for_a_scheduler_is_one_that_a_shell_reads_back() -> None:
    member = Member("m", ("env.prompt=it's", "x=--odd", "!train.kl", "seed=3"))
    line = member.line("train", "my recipe.toml", Path("runs/a b"), flags=["--quiet"])
    assert shlex.split(line) == [
        "mem1", "train", "my recipe.toml", "--env.prompt", "it's", "--set", "x=--odd", "--unset", "train.kl",
        "--seed", "3", "--quiet", "--run", "runs/a b/m",
    ]  # fmt: skip
