"""Records of version 1, as the program before wrote them, are read by this one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.storage.episode_index import parse_episode
from mem1.storage.episodes import EpisodeWriter, list_episodes, read_episodes
from mem1.storage.json_lines import read_lines
from mem1.storage.upgrade import upgraded_episode
from mem1.types import Answer, Malformed, StopReason, ToolCall, tool_call
from tests.unit.storage.examples import episode

STORED = Path(__file__).parents[2] / "data" / "schema1"


def lines(run: str) -> Iterator[bytes]:
    for path in sorted((STORED / run / "episodes").glob("*.jsonl.gz")):
        yield from (line.text for line in read_lines(path))


@pytest.mark.parametrize("run", ["qa", "shop"])
def test_stored_episodes_are_read_turn_by_turn(run: str) -> None:
    for text in lines(run):
        raw, read = json.loads(text), parse_episode(text, "here")
        assert (raw["schema_version"], read.schema_version) == (1, 2)
        assert (read.id, read.reward, read.stop, list(read.answers)) == (
            raw["id"],
            raw["reward"],
            raw["stop"],
            raw["answers"],
        )
        assert len(read.turns) == len(raw["turns"])
        for turn, was in zip(read.turns, raw["turns"], strict=True):
            assert turn.completion_token_ids == tuple(was["completion_token_ids"])
            match turn.action:
                case ToolCall(name=name):
                    assert name == was["action"]["type"]
                    assert turn.action.text == (was["action"].get("query") or was["action"].get("target"))
                case Answer(text=said) | Malformed(reason=said):
                    assert said == was["action"].get("text", was["action"].get("reason"))


def test_the_stored_shop_was_shopped_in_by_searches_and_clicks() -> None:
    names = {
        turn.action.name
        for text in lines("shop")
        for turn in parse_episode(text, "here").turns
        if turn.action
        if isinstance(turn.action, ToolCall)
    }
    assert names == {"search", "click"}


@pytest.mark.parametrize(
    ("was", "action", "by_memory"),
    [
        ({"type": "search", "query": "a"}, tool_call("search", query="a"), False),
        ({"type": "open", "url": "a"}, tool_call("open", url="a"), False),
        ({"type": "click", "target": "a"}, tool_call("click", target="a"), False),
        ({"type": "recall", "query": "a"}, tool_call("recall", query="a"), True),
        ({"type": "answer", "text": "a"}, Answer(text="a"), False),
        ({"type": "malformed", "reason": "a"}, Malformed(reason="a"), False),
    ],
)
@pytest.mark.parametrize("version", [{"schema_version": 1}, {}], ids=["said", "not said"])
def test_every_kind_of_action_is_understood(
    was: dict[str, str], action: ToolCall | Answer | Malformed, by_memory: bool, version: dict[str, int]
) -> None:
    raw = json.loads(episode("e").model_dump_json())
    del raw["schema_version"]
    for turn in raw["turns"]:
        turn["action"] = was
        del turn["by_memory"]
    read = parse_episode(json.dumps(version | raw).encode(), "here")
    assert {(turn.by_memory, repr(turn.action)) for turn in read.turns} == {(by_memory, repr(action))}


def test_a_record_of_this_version_is_left_as_it_is() -> None:
    raw = json.loads(episode("e").model_dump_json())
    assert upgraded_episode(raw) is raw


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'{"schema_version": 1}',
        b'{"schema_version": 3}',
        b'{"schema_version": 1, "turns": [{"action": {"type": "search", "url": "a"}}]}',
        b'{"schema_version": 1, "turns": [{"action": {"type": ["search"]}}]}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_episode_of_either_version_is_refused(text: bytes) -> None:
    with pytest.raises(StorageError, match="this is no episode of this version"):
        parse_episode(text, "here")


def test_a_file_of_version_1_goes_on_in_version_2(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.jsonl.gz"
    shutil.copy(STORED / "qa" / "episodes" / "evaluation.jsonl.gz", path)
    before = [one.id for one in read_episodes(path)]
    with EpisodeWriter(path) as writer:
        writer.write(episode("new"))
    assert [one.id for one in read_episodes(path)] == [*before, "new"]
    assert [one.id for one in list_episodes(path)] == [*before, "new"]


def test_an_index_of_version_1_is_read_or_made_anew() -> None:
    path = STORED / "qa" / "episodes" / "evaluation.jsonl.gz"
    listed = list_episodes(path)
    assert [one.id for one in listed] == [one.id for one in read_episodes(path)]
    assert all(one.stop is not StopReason.ERROR for one in listed)


def test_scores_are_metrics_and_the_shops_success_stands_under_its_name() -> None:
    for text in lines("qa"):
        was, score = json.loads(text)["score"], parse_episode(text, "here").score
        assert score is not None
        assert {name: list(values) for name, values in score.metrics.items()} == {"em": was["em"], "f1": was["f1"]}
    for text in lines("shop"):
        was, score = json.loads(text)["score"], parse_episode(text, "here").score
        assert score is not None
        assert (score.main, list(score.metrics["success"]), list(score.metrics["score"])) == (
            "success",
            was["em"],
            was["rewards"],
        )
        assert score.metrics["r_type"] == tuple(part["r_type"] for part in was["parts"])
        assert "f1" not in score.metrics
