"""What cannot be read back is refused at the door, and what is let through comes back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mem1.config import Config
from mem1.errors import StorageError
from mem1.storage.atomic import read_json, write_json
from mem1.storage.distillation import ScriptWriter, Transcript, read_scripts
from mem1.storage.episodes import EpisodeWriter, list_episodes, read_episodes
from mem1.storage.run_dir import RunDir
from mem1.storage.written import depth, to_json
from mem1.types import Episode, Record
from tests.unit.storage.examples import episode, turn


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"k": value}
    return value


def with_metadata(**metadata: Any) -> Episode:
    whole = episode("bad")
    objective = whole.task.objectives[0].model_copy(update={"metadata": metadata})
    return whole.model_copy(update={"task": whole.task.model_copy(update={"objectives": (objective,)})})


def with_turn(**values: Any) -> Episode:
    return episode("bad").model_copy(update={"turns": (turn().model_copy(update=values),)})


NAN, INFINITY = float("nan"), float("inf")
REFUSED: dict[str, tuple[Episode, str]] = {
    "a log-probability": (with_turn(logprobs=(-0.1, NAN, 0.0, 0.0)), "turns.0.logprobs.1 is not a finite number"),
    "an advantage": (episode("bad").model_copy(update={"advantage": -INFINITY}), "advantage is not a finite"),
    "seconds": (episode("bad").model_copy(update={"seconds": INFINITY}), "seconds is not a finite"),
    "a number in metadata": (with_metadata(price=[1.0, NAN]), "metadata.price.1 is not a finite number"),
    "half a pair in a state": (with_turn(state="Lima \ud83d"), "turns: .*surrogates not allowed"),
    "half a pair in an answer": (episode("bad").model_copy(update={"answers": ("\udc80",)}), "answers: "),
    "half a pair in a key": (with_metadata(of={"\ud800": 1}), "task: "),
    "bytes": (with_metadata(raw=b"\xff"), "task: "),
    "an object": (with_metadata(of=object()), "task: "),
    "deep metadata": (with_metadata(deep=nested(150)), "nested more than 100 levels"),
    "deeper than can be written": (with_metadata(deep=nested(5000)), "task: "),
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("case", REFUSED)
def test_an_episode_that_could_not_be_read_is_refused_and_the_file_stays_readable(
    tmp_path: Path, name: str, case: str
) -> None:
    bad, why = REFUSED[case]
    path = tmp_path / name
    with EpisodeWriter(path) as writer:
        writer.write(episode("e1"))
        with pytest.raises(StorageError, match=rf"(?s)episode 'bad' cannot be written.*{why}") as caught:
            writer.write(bad)
        writer.write(episode("e2"))
    assert caught.value.where == str(path)
    assert [one.id for one in read_episodes(path)] == ["e1", "e2"] == [one.id for one in list_episodes(path)]


@pytest.mark.parametrize("text", ["NaN", "Infinity and -Infinity", '"NaN"', "[[[[{{{{", "\x00\x1f\u2028 \U0001f600"])
def test_words_that_look_like_what_is_refused_are_written(tmp_path: Path, text: str) -> None:
    whole = with_turn(state=text * 60)
    with EpisodeWriter(tmp_path / "a.jsonl.gz") as writer:
        writer.write(whole)
    assert list(read_episodes(tmp_path / "a.jsonl.gz")) == [whole]


def test_depth_counts_brackets_outside_of_texts() -> None:
    assert depth(b"1") == 0
    assert depth(b'{"a": [1, {"b": []}], "c": "[[[[\\"[[[["}') == 4
    assert depth(b'{"]]]]": [[]]}') == 3
    assert depth(b'{"a": {}, "b": {"c": {}}}') == 3


class Free(Record):
    """Any number."""

    value: float | None = None


def test_an_evaluation_with_a_number_that_is_none_is_refused_and_the_former_one_stays(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    run.write_evaluation("base", Free(value=1.0))
    with pytest.raises(StorageError, match=r"evaluation 'base' cannot be written.*value is not a finite"):
        run.write_evaluation("base", Free().model_copy(update={"value": NAN}))
    assert run.read_evaluation("base", Free) == Free(value=1.0)


def test_a_script_that_could_not_be_read_is_refused(tmp_path: Path) -> None:
    whole = Transcript(id="s1", prompt="p", first=None, turns=())
    writer = ScriptWriter(tmp_path / "a.jsonl.gz")
    with pytest.raises(StorageError, match=r"script 's1' cannot be written.*prompt: "):
        writer.write(whole.model_copy(update={"prompt": "\ud83d"}))
    writer.write(whole)
    writer.close()
    assert list(read_scripts(tmp_path / "a.jsonl.gz")) == [whole]


@pytest.mark.parametrize("value", [{"a": [NAN]}, {"\ud800": 1}, "\udfff", {1, 2}, nested(5000)])
def test_json_that_could_not_be_read_is_refused_and_the_file_stays(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(StorageError, match="no JSON file can"):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_record_can_hold_no_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="finite number"):
        Free(value=NAN)
    assert to_json(Free(value=0.5), "it", where="here") == b'{"value":0.5}'
