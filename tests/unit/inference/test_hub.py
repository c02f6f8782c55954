"""A hub's models: found by name where it answers, and how to get them where it does not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mem1.errors import ModelError
from mem1.inference.folders import find_folder
from mem1.inference.hub import hub_folder


def hub(monkeypatch: pytest.MonkeyPatch, answer: Path | Exception) -> list[tuple[str, dict[str, Any]]]:
    """A hub that answers so; what it was asked for."""
    hub_folder.cache_clear()
    asked: list[tuple[str, dict[str, Any]]] = []

    def snapshot_download(repo: str, **more: Any) -> str:
        asked.append((repo, more))
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    double = ModuleType("huggingface_hub")
    double.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", double)
    return asked


@pytest.mark.parametrize(
    ("spec", "repo", "revision"),
    [
        ("hub:Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B", None),
        ("hub:a/b@v1.0", "a/b", "v1.0"),
        ("hub:a/b@refs/pr/1", "a/b", "refs/pr/1"),
    ],
)
def test_a_model_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, repo: str, revision: str | None
) -> None:
    asked = hub(monkeypatch, tmp_path)
    assert find_folder(spec) == tmp_path
    ((name, more),) = asked
    assert (name, more["revision"]) == (repo, revision)
    assert not any(pattern in more["allow_patterns"] for pattern in ("*.bin", "*.pt", "*.py", "*"))


def test_where_the_hub_is_away_the_command_that_downloads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, ConnectionError("no route\nto it"))
    with pytest.raises(ModelError, match=r"cannot get a/b from the hub: ConnectionError: no route\n") as raised:
        find_folder("hub:a/b@v1")
    assert raised.value.hint is not None
    assert "hf download a/b --revision v1 --include '*.safetensors'" in raised.value.hint
    assert raised.value.hint.endswith("--local-dir models/b; then give the folder as the model")


@pytest.mark.parametrize("spec", ["hub:", "hub:name", "hub:a/b/c", "hub:../../x", "hub:../..", "hub:a/b@", "hub:a/b c"])
def test_what_is_no_name_asks_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: str) -> None:
    asked = hub(monkeypatch, tmp_path)
    with pytest.raises(ModelError, match="no name of a hub's model"):
        find_folder(spec)
    assert asked == []


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match="huggingface_hub is not installed"):
        find_folder("hub:a/b")


def test_the_hub_is_asked_once_for_a_model_and_again_where_it_had_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub(monkeypatch, tmp_path)
    assert find_folder("hub:a/b") == find_folder("hub:a/b") == tmp_path
    assert len(asked) == 1
    asked = hub(monkeypatch, ConnectionError("away"))
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot get"):
            find_folder("hub:a/b")
    assert len(asked) == 2
