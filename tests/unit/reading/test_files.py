"""Recipes that extend others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import load
from mem1.errors import ConfigError
from mem1.reading.files import joined, read_recipe
from mem1.recipe import Recipe


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_recipe_lies_over_the_one_it_extends(tmp_path: Path) -> None:
    write(
        tmp_path,
        base='seed = 1\nname = "base"\n[train]\nsteps = 5\nepochs = 2\n[[sources]]\ntype = "factbook"\n',
        middle='extends = "base.toml"\nname = "middle"\n[train]\nsteps = 6\n',
        top='extends = "middle.toml"\n[train]\nepochs = 3\n',
    )
    path, data = read_recipe(tmp_path / "top.toml")
    assert path == tmp_path / "top.toml"
    assert data == {
        "seed": 1,
        "name": "middle",
        "train": {"steps": 6, "epochs": 3},
        "sources": [{"type": "factbook"}],
    }
    recipe = load(Recipe, path, ["train.steps=7"])
    assert (recipe.name, recipe.seed, recipe.train.steps, recipe.train.epochs) == ("middle", 1, 7, 3)


def test_what_is_extended_lies_beside_the_file_and_not_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    write(tmp_path, base="seed = 7\n")
    write(tmp_path / "inner", top='extends = "../base.toml"\n')
    monkeypatch.chdir("/")
    assert load(Recipe, tmp_path / "inner" / "top.toml").seed == 7


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"m": {"type": "window", "window": 9}}, {"m": {"type": "state"}}, {"m": {"type": "state"}}),
        ({"m": {"type": "x", "k": 9}}, {"m": {"type": "x", "j": 1}}, {"m": {"type": "x", "k": 9, "j": 1}}),
        ({"m": {"type": "x", "k": 9}}, {"m": {"j": 1}}, {"m": {"type": "x", "k": 9, "j": 1}}),
    ],
)
def test_sections_are_joined_key_by_key_but_another_type_begins_anew(
    base: dict[str, object], over: dict[str, object], expected: dict[str, object]
) -> None:
    assert joined(base, over) == expected


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"top": 'extends = "top.toml"\n'}, "a recipe extends itself: top.toml -> top.toml"),
        (
            {"top": 'extends = "a.toml"\n', "a": 'extends = "b.toml"\n', "b": 'extends = "a.toml"\n'},
            "a recipe extends itself: a.toml -> b.toml -> a.toml",
        ),
        ({"top": 'extends = "gone.toml"\n'}, "there is no gone.toml to extend"),
        ({"top": "extends = 3\n"}, "extends names one recipe, got 3"),
        ({"top": 'extends = ["a.toml"]\n'}, "extends names one recipe"),
        ({"top": 'extends = ""\n'}, "extends names one recipe"),
        ({"top": 'extends = "a.toml"\n', "a": "seed = \n"}, "cannot read the recipe"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(Recipe, write(tmp_path, **files) / "top.toml")
    assert message in refused.value.what


def test_a_byte_order_mark_and_accents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_bytes('\ufeffname = "prüfung-été"\n'.encode())
    (tmp_path / "top.toml").write_bytes('\ufeffextends = "base.toml"\n'.encode())
    assert load(Recipe, tmp_path / "top.toml").name == "prüfung-été"


def test_extends_is_no_key_of_the_resolved_recipe(tmp_path: Path) -> None:
    write(tmp_path, base="seed = 2\n", top='extends = "base.toml"\n')
    assert "extends" not in load(Recipe, tmp_path / "top.toml").model_dump()
