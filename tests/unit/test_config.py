"""Configuration: TOML in, overrides on top, every problem named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mem1.config import Config, build, differences, load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.storage.run_dir import RunDir


class Inner(Config):
    steps: int = 10
    rate: float = 1e-3
    name: str = "a"


class Red(Config):
    type: Literal["red"] = "red"
    budget: int = 1


class Blue(Config):
    type: Literal["blue"] = "blue"
    shade: float = 0.5


class Outer(Config):
    seed: int = 0
    fast: bool = False
    train: Inner = Inner()
    sizes: tuple[int, ...] = (1, 2)
    colour: Annotated[Red | Blue, Field(discriminator="type")] = Red()


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text('seed = 3\n[train]\nsteps = 5\nname = "from file"\n', encoding="utf-8")
    return path


def test_defaults_then_file_then_overrides(recipe: Path) -> None:
    config = load(Outer, recipe, ["train.steps=7", "fast=true"])
    assert config == Outer(seed=3, fast=True, train=Inner(steps=7, rate=1e-3, name="from file"))


def test_without_a_file_there_are_only_defaults() -> None:
    assert load(Outer, None) == Outer()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.steps=20", Outer(train=Inner(steps=20))),
        ("--train.steps=20", Outer(train=Inner(steps=20))),
        ("train.rate=1e-4", Outer(train=Inner(rate=0.0001))),
        ("train.rate=-0.5", Outer(train=Inner(rate=-0.5))),
        ("train.name=plain words", Outer(train=Inner(name="plain words"))),
        ("train.name=a=b", Outer(train=Inner(name="a=b"))),
        ('train.name="7"', Outer(train=Inner(name="7"))),
        ("train.name=", Outer(train=Inner(name=""))),
        ("fast=true", Outer(fast=True)),
        ("sizes=[4, 8, 16]", Outer(sizes=(4, 8, 16))),
        ('colour={type = "blue", shade = 0.25}', Outer(colour=Blue(shade=0.25))),
    ],
)
def test_override_values_are_read_as_toml_and_else_as_text(override: str, expected: Outer) -> None:
    assert load(Outer, None, [override]) == expected


def test_the_last_override_wins() -> None:
    assert load(Outer, None, ["seed=1", "seed=2"]).seed == 2


def test_overrides_choose_a_member_of_a_union() -> None:
    assert load(Outer, None, ["colour.type=blue", "colour.shade=0.75"]).colour == Blue(shade=0.75)


@pytest.mark.parametrize("override", ["seed", "=3", ""])
def test_an_override_without_key_or_value_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        load(Outer, None, [override])


def test_an_override_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="'seed' is a value, not a section"):
        load(Outer, None, ["seed=1", "seed.deeper=2"])


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("train.stepz=1", "steps"), ("sed=1", "seed"), ("colour={type='red', budgte=1}", "budget")],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key: str, suggestion: str) -> None:
    with pytest.raises(ConfigError, match=f"no such key.*did you mean '{suggestion}'"):
        load(Outer, None, [key])


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("steps=1", "train.steps"),
        ("rate=1", "train.rate"),
        ("train.shade=1", "colour.shade"),
        ("colour.typ=red", "type"),
    ],
)
def test_a_key_in_the_wrong_place_is_shown_the_right_one(key: str, suggestion: str) -> None:
    with pytest.raises(ConfigError, match=f"no such key.*did you mean '{suggestion}'"):
        load(Outer, None, ["colour.type=red", key])


def test_a_union_without_its_type_asks_for_it() -> None:
    with pytest.raises(ConfigError, match=r"^colour: of which kind\? Set colour\.type too, to one of 'red', 'blue'\n"):
        load(Outer, None, ["colour.budget=300"])


def test_an_unknown_type_is_told_which_there_are() -> None:
    with pytest.raises(ConfigError, match=r"^colour: no such 'type': 'green'; there are 'red', 'blue'\n"):
        load(Outer, None, ["colour.type=green"])


def test_names_are_those_a_user_writes(tmp_path: Path) -> None:
    """Pydantic puts the member of a union into the name: colour.red.budget."""
    path = tmp_path / "recipe.toml"
    path.write_text('[colour]\ntype = "red"\nbudget = "much"\nred = 1\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(Outer, path, ["train.steps=9"])
    assert [line.partition(": ")[0] for line in caught.value.what.splitlines()] == ["colour.budget", "colour.red"]
    assert caught.value.where == f"{path} and the command line"


@pytest.mark.parametrize("text", ["7", "2026-10-11", "true", "1e3", "[1]"])
def test_a_text_may_look_like_something_else(text: str) -> None:
    assert load(Outer, None, [f"train.name={text}"]).train.name == text


def test_a_number_in_the_file_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[train]\nname = 2026-10-11\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"train\.name: .* got 2026-10-11"):
        load(Outer, path)


def test_the_members_of_a_plain_union_are_named_once() -> None:
    class Counted(Config):
        count: Annotated[int, Field(ge=1)] | Literal["all"] = 1

    with pytest.raises(ConfigError) as caught:
        load(Counted, None, ["count=0"])
    assert caught.value.what == "count: Input should be greater than or equal to 1; or: Input should be 'all', got 0"


def test_an_unknown_key_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"train\.zzzzzz: no such key\n") as caught:
        build(Outer, {"train": {"zzzzzz": 1}}, where="here")
    assert caught.value.where == "here"


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, {"seed": "many", "train": {"steps": 1.5}, "no": 1}, where="here")
    lines = caught.value.what.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("seed: ")
    assert lines[0].endswith("got 'many'")
    assert lines[1].startswith("train.steps: ")
    assert lines[1].endswith("got 1.5")
    assert lines[2].startswith("no: no such key")


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, {"seed": "x" * 500}, where="here")
    assert len(caught.value.what) < 250


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such recipe: .*absent\.toml"):
        load(Outer, tmp_path / "absent.toml")


@pytest.mark.parametrize("content", [b"seed = \n", b"\xff\xfe", b"[train\n", b"seed = 1\nseed = 2\n"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot read the recipe") as caught:
        load(Outer, path)
    assert caught.value.where == str(path)


def test_a_directory_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder is no recipe"):
        load(Outer, tmp_path)


def test_a_run_in_place_of_a_recipe_is_told_where_its_recipe_lies(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", Outer())
    with pytest.raises(ConfigError, match="a folder is no recipe") as caught:
        load(Outer, run.path)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"give the run's recipe: {run.config_toml}; or evaluate what it trained")


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Outer().seed = 1


def test_differences_names_every_field_that_differs() -> None:
    left = Outer(seed=1, train=Inner(steps=2))
    right = Outer(seed=2, train=Inner(steps=2, name="b"), sizes=(1,))
    assert differences(left, right) == ["seed", "sizes", "train.name"]


def test_differences_across_a_union_names_the_fields_of_both() -> None:
    assert differences(Outer(colour=Red()), Outer(colour=Blue())) == ["colour.budget", "colour.shade", "colour.type"]


@given(seed=st.integers(-5, 5), steps=st.integers(0, 3), fast=st.booleans())
def test_a_config_differs_from_another_exactly_when_it_is_not_equal(seed: int, steps: int, fast: bool) -> None:
    left, right = Outer(), Outer(seed=seed, fast=fast, train=Inner(steps=steps))
    assert (differences(left, right) == []) == (left == right)


@given(value=st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_as_an_override(value: float) -> None:
    class Numbers(Config):
        value: int | float | bool = 0

    text = str(value).lower()
    assert load(Numbers, None, [f"value={text}"]).value == value


CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "files"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(mark + "name = 'Zoë'\r\nseed = 3\r\n".encode())
    found = load(Named, path)
    assert (found.name, found.seed) == ("Zoë", 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name = 'Zoë'".encode("latin-1"), "not UTF-8 but another encoding, most likely Latin-1 or Windows-1252"),
        ("name = 'Zoë'".encode("utf-16"), "not UTF-8 but UTF-16"),
        ("name = 'Zoë'".encode("utf-16-le"), "UTF-16 or binary"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "cannot read the recipe"),
        (b"name = '\xed\xa0\x80'", "not UTF-8"),
    ],
)
def test_a_recipe_in_another_encoding_or_without_a_bottom_is_refused_by_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(Named, path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("override", ["name=\udcff", "\udcff=1", "train.steps=" + "[" * 5000])
def test_an_override_that_is_no_text_is_refused(override: str) -> None:
    with pytest.raises(ConfigError):
        load(Named, None, [override])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ConfigError, match="finite"):
        load(Rate, None, [f"rate={number}"])


class Named(Config):
    name: str = ""
    seed: int = 0


class Rate(Config):
    rate: float = 1.0


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_the_case_of_a_recipe_with_a_mark() -> None:
    assert load(Recipe, CASES / "recipe_bom.toml").name == "a"
