"""The registry: parts by kind and name, imported when they are named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import pytest

from mem1.config import Config, build, differences
from mem1.envs.config import EnvConfig
from mem1.errors import ConfigError
from mem1.imports import imports
from mem1.inference.config import EngineConfig
from mem1.memory.config import MemoryConfig
from mem1.recipe import Recipe
from mem1.registry import KINDS, builtin_names, every, installed, names, parts, resolve
from mem1.retrieval.config import RetrieverConfig
from mem1.rewards.config import ScorerConfig
from mem1.tasks.source_config import SourceConfig
from mem1.train.advantages.config import Algorithm

ROOTS = (MemoryConfig, EnvConfig, SourceConfig, RetrieverConfig, ScorerConfig, EngineConfig, Algorithm)


class Ours(Config):
    memory: MemoryConfig
    more: tuple[MemoryConfig, ...] = ()


class DiaryConfig(MemoryConfig):
    """A memory of somebody else's."""

    type: Literal["diary"] = "diary"
    pages: int = 3


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.part_kind)
def test_every_registered_part_is_of_its_kind_and_bears_its_name(root: type[MemoryConfig]) -> None:
    assert builtin_names(root.part_kind)
    for name in builtin_names(root.part_kind):
        found = resolve(root.part_kind, name)
        assert issubclass(found, root)
        assert found.model_fields["type"].default == name


def test_the_table_names_kinds_that_exist() -> None:
    assert {key.partition(".")[0] for key in parts.BUILTIN} | parts.FOLDERS.keys() <= set(KINDS)


def test_a_memory_is_registered_by_its_file_alone() -> None:
    folder = Path(sys.modules["mem1.memory"].__path__[0]) / "strategies"
    files = {file.stem for file in folder.glob("[a-z]*.py")}
    assert set(builtin_names("memory")) == files
    assert {one.type for one in every("memory", MemoryConfig)} == files
    assert not [key for key in parts.BUILTIN if key.startswith("memory.")]


def test_a_section_becomes_the_part_that_it_names() -> None:
    made = build(Ours, {"memory": {"type": "window", "window": 7}, "more": [{"type": "full"}]}, where="test")
    assert type(made.memory).__name__ == "WindowMemoryConfig"
    assert made.model_dump()["memory"]["window"] == 7
    assert build(Ours, made.model_dump(mode="json"), where="test") == made
    assert build(Ours, {"memory": made.memory}, where="test").memory == made.memory


def test_differences_reach_into_parts() -> None:
    one = build(Ours, {"memory": {"type": "window", "window": 7}}, where="test")
    other = build(Ours, {"memory": {"type": "window", "window": 8}}, where="test")
    assert differences(one, other) == ["memory.window"]


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ({"type": "windw"}, r"^memory: no such 'type': 'windw' \(did you mean 'window'\?\); there are 'full'"),
        ({"window": 3}, r"^memory: of which kind\? Set memory.type too, to one of 'full'"),
        ({"type": "window", "windw": 3}, r"^memory.windw: no such key \(did you mean 'window'\?\)"),
        ({"type": "window", "window": "much"}, r"^memory.window: .*got 'much'"),
        ({"type": "window", "carry": ["state"]}, r"^memory.carry: no such key for this type, though another type has"),
        ({"type": "state", "budgets": {"state": 0}}, r"^memory.budgets.state: .*greater than 0, got 0"),
        ({"type": 3}, r"^memory: of which kind\?"),
        (3, r"^memory: Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_with_a_part_is_said_as_before(memory: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Ours, {"memory": memory}, where="test")


def test_a_place_in_a_list_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^more\.1\.window: Input should be greater than 0, got 0"):
        build(
            Ours, {"memory": {"type": "full"}, "more": [{"type": "full"}, {"type": "window", "window": 0}]}, where="t"
        )


def test_a_part_by_its_path_needs_permission() -> None:
    section = {"memory": {"type": f"{__name__}:DiaryConfig", "pages": 5}}
    with pytest.raises(ConfigError, match="names code"):
        build(Ours, section, where="test")
    with imports(True):
        made = build(Ours, section, where="test")
        assert build(Ours, made.model_dump(mode="json"), where="test") == made
    assert isinstance(made.memory, DiaryConfig)
    assert (made.memory.type, made.memory.pages) == (f"{__name__}:DiaryConfig", 5)
    with pytest.raises(ConfigError, match="names code"):  # permission holds for one reader, not for the process
        build(Ours, section, where="test")
    with imports("known"):
        assert build(Ours, section, where="test") == made


def test_a_stored_configuration_imports_nothing_that_was_not_imported_before() -> None:
    with imports("known"), pytest.raises(ConfigError, match="not among the parts that were imported"):
        build(Ours, {"memory": {"type": "mem1_no_such_module:X"}}, where="test")


@pytest.mark.parametrize("path", ["json:JSONDecoder", "mem1.envs.qa:QaEnvConfig", "mem1.memory.config:MemoryConfig"])
def test_what_is_no_part_of_the_kind_is_refused(path: str) -> None:
    with imports(True), pytest.raises(ConfigError, match="is no memory"):
        build(Ours, {"memory": {"type": path}}, where="test")


def test_an_unknown_key_of_a_part_of_somebody_elses_is_refused() -> None:
    with imports(True), pytest.raises(ConfigError, match=r"^memory\.pagse: no such key \(did you mean 'pages'\?\)"):
        build(Ours, {"memory": {"type": f"{__name__}:DiaryConfig", "pagse": 5}}, where="test")


def entry_point(folder: Path, text: str) -> None:
    info = folder / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mem1.parts]\n{text}\n")


def test_an_installed_distributions_part_is_named_and_needs_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_point(tmp_path, f"memory.jotter = {__name__}:DiaryConfig")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed("memory") == {"jotter": f"{__name__}:DiaryConfig"}
    assert names("memory")[-1] == "jotter"
    with pytest.raises(ConfigError, match=r"^memory: 'jotter' names code"):
        build(Recipe, {"memory": {"type": "jotter"}}, where="test")
    with imports(True):
        recipe = build(Recipe, {"memory": {"type": "jotter"}, "evaluate": {"strategies": "all"}}, where="test")
    assert isinstance(recipe.memory, DiaryConfig)
    assert recipe.evaluate.strategies[-1] == "jotter"
    assert "jotter" in recipe.compared


def test_an_installed_part_takes_no_name_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(tmp_path, f"memory.state = {__name__}:DiaryConfig")
    monkeypatch.syspath_prepend(str(tmp_path))
    with imports(True):
        recipe = build(Recipe, {"memory": {"type": "state"}}, where="test")
    assert type(recipe.memory).__name__ == "StateMemoryConfig"


def test_a_schema_for_editors_knows_every_part() -> None:
    text = str(Recipe.model_json_schema())
    for root in ROOTS:
        for name in builtin_names(root.part_kind):
            assert repr(name) in text
