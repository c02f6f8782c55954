"""Sources and composition from configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from mem1.config import Config, build
from mem1.errors import ConfigError, DataError
from mem1.tasks.config import ComposeConfig, FactbookConfig, QaFilesConfig
from mem1.tasks.source_config import SourceConfig
from tests.unit.tasks.toys import Toy


class Recipe(Config):
    sources: tuple[SourceConfig, ...] = (FactbookConfig(),)
    tasks: ComposeConfig = Field(default_factory=ComposeConfig)


def test_sources_are_told_apart_by_their_type(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "0", "question": "Who?", "golden_answers": ["a"]}')
    data = {"sources": [{"type": "factbook"}, {"type": "qa_files", "name": "nq", "dev": str(path)}]}
    factbook, files = build(Recipe, data, where="test").sources
    assert isinstance(factbook, FactbookConfig)
    assert isinstance(files, QaFilesConfig)
    assert [o.id for o in files.build().objectives("dev")] == ["nq/0"]
    assert factbook.build().objectives("test")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sources": [{"type": "qa_files", "name": "nq"}]}, "at least one of train, dev and test"),
        ({"sources": [{"type": "qa_files", "name": "nq", "tset": "x"}]}, "did you mean 'test'"),
        ({"sources": [{"type": "wiki"}]}, "factbook"),
        ({"tasks": {"objectives": 0}}, r"tasks\.objectives"),
        ({"tasks": {"count": 0}}, r"tasks\.count"),
        ({"tasks": {"count": "all"}}, "never run out"),
        ({"tasks": {"order": "consecutive", "composition": "mixed"}}, "no consecutive order"),
        ({"tasks": {"composition": "serial"}}, r"tasks\.composition"),
    ],
)
def test_mistakes_are_named(data: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Recipe, data, where="test")


def test_compose_config_builds_tasks() -> None:
    config = build(ComposeConfig, {"objectives": 3, "count": 4, "composition": "sequential"}, where="test")
    tasks = config.build([Toy(20)], split="dev", seed=1)
    assert [(task.size, task.reveal, task.split) for task in tasks] == [(3, "one_by_one", "dev")] * 4
    everything = build(ComposeConfig, {"objectives": 3, "count": "all", "order": "consecutive"}, where="test")
    assert len(everything.build([Toy(20)], split="dev", seed=1)) == 6


def test_consecutive_groups_in_a_seeded_order() -> None:
    """The groups stay as they are; which come first depends on the seed, and is the same on every machine."""
    toy = Toy(20)
    plain = ComposeConfig(order="consecutive", count="all").build([toy], split="train", seed=3)
    mixed = ComposeConfig(order="consecutive", count="all", shuffle=True)
    first, second = (mixed.build([toy], split="train", seed=seed) for seed in (3, 4))
    assert [task.id for task in first] != [task.id for task in plain]
    assert [task.id for task in first] != [task.id for task in second]
    assert {task.id for task in first} == {task.id for task in second} == {task.id for task in plain}
    few = ComposeConfig(order="consecutive", count=2, shuffle=True)
    assert few.build([toy], split="train", seed=3) == first[:2]
    with pytest.raises(DataError, match=f"has {len(plain)} consecutive groups of 2 objectives, not 1000"):
        ComposeConfig(order="consecutive", count=1000, shuffle=True).build([toy], split="train", seed=3)
