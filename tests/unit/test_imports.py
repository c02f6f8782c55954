"""The door: what a recipe names is imported only where its reader said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import Config, build, load
from mem1.errors import ConfigError
from mem1.imports import Code, door, find, imports
from mem1.recipe import Recipe

MARK = "mem1_test_mark"


class Named(Config):
    code: Code | None = None


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe whose keys name a module that leaves a mark when it is imported."""
    (tmp_path / f"{MARK}.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\nnames = 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "recipe.toml"


SHOP = '[source]\ntype = "webshop"\n[env]\ntype = "webshop"\n'


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("memory.embedder", f'[memory]\ntype = "notes"\nembedder = "{MARK}:names"\n'),
        ("strategies.0.embedder", f'[[strategies]]\ntype = "notes"\nembedder = "{MARK}:names"\n'),
        ("env.nouns", f'{SHOP}nouns = "{MARK}:names"\n'),
        ("env.nouns", f'{SHOP}nouns = "spacy:{MARK}"\n'),
        ("engine.extra", f'[engine]\ntype = "vllm"\nextra = {{ worker_cls = "{MARK}.names" }}\n'),
        ("engine.extra", '[engine]\ntype = "vllm"\nextra = { trust_remote_code = true }\n'),
        ("memory", f'[memory]\ntype = "{MARK}:Config"\n'),
        ("strategies.0", f'[[strategies]]\ntype = "{MARK}:Config"\n'),
        ("env", f'[env]\ntype = "{MARK}:Config"\n'),
        ("source", f'[source]\ntype = "{MARK}:Config"\n'),
        ("sources.0", f'[[sources]]\ntype = "{MARK}:Config"\n'),
        ("retriever", f'[retriever]\ntype = "{MARK}:Config"\n'),
        ("retriever.parts.0", f'[retriever]\ntype = "hybrid"\nparts = [{{ type = "{MARK}:Config" }}]\n'),
        ("scorer", f'[scorer]\ntype = "{MARK}:Config"\n'),
        ("engine", f'[engine]\ntype = "{MARK}:Config"\n'),
        ("train.algorithm", f'[train.algorithm]\ntype = "{MARK}:Config"\n'),
    ],
)
def test_no_key_of_a_recipe_runs_code(recipe: Path, key: str, text: str) -> None:
    recipe.write_text(text)
    with pytest.raises(ConfigError, match=r"names code, and a recipe is data.*--allow-imports") as refused:
        load(Recipe, recipe)
    assert refused.value.what.startswith(f"{key}: ")
    assert not (recipe.parent / "ran").exists()


def test_what_the_reader_allows_is_taken(recipe: Path) -> None:
    recipe.write_text(f'code = "{MARK}:names"\n')
    assert load(Named, recipe, allow_imports=True).code == f"{MARK}:names"
    assert door() == "closed"
    with pytest.raises(ConfigError, match="names code"):
        load(Named, recipe)
    with imports(True):
        assert load(Named, recipe).code == f"{MARK}:names"
        with pytest.raises(ConfigError, match="names code"):
            load(Named, recipe, allow_imports=False)


def test_a_closed_door_stays_closed_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), imports(True):
        _ = 1 / 0
    assert door() == "closed"
    with pytest.raises(ConfigError, match="names code"):
        build(Named, {"code": "os:system"}, where="test")


@pytest.mark.parametrize(
    "path", ["os", "os:", ":system", "", "os:no_such_name", "no_such_module_at_all:x", "os..path:x"]
)
def test_what_cannot_be_imported_is_told(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot import") as raised:
        find(path, where="memory.embedder")
    assert raised.value.where == "memory.embedder"


def test_a_module_that_fails_when_it_is_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mem1_test_fails.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"cannot import 'mem1_test_fails:x': ZeroDivisionError"):
        find("mem1_test_fails:x", where="here")


def test_plain_arguments_of_an_engine_need_no_permission() -> None:
    data = {"engine": {"type": "vllm", "extra": {"gpu_memory_utilization": 0.5, "seed": 1}}}
    assert build(Recipe, data, where="test").engine.type == "vllm"
