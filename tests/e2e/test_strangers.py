"""Parts of somebody else's, installed with pip: everything works with them, and not a file of ours is touched."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

import mem1
from mem1.cli.main import main
from mem1.errors import ConfigError
from mem1.registry import builtin_names
from mem1.report.viewer.pages import Viewer
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from tests.e2e.stranger import BY_NAME, BY_PATH, RECIPE, install


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(site))
    return site


def ours() -> str:
    """A digest of every source file of the program."""
    digest = hashlib.sha256()
    for file in sorted(Path(mem1.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "names",
    [pytest.param(BY_NAME, id="by entry point"), pytest.param(BY_PATH, id="by path", marks=pytest.mark.slow)],
)
def test_compose_train_evaluate_report_and_view_work_with_them(
    names: dict[str, str], installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ours()
    recipe, trained, measured = tmp_path / "recipe.toml", tmp_path / "trained", tmp_path / "measured"
    recipe.write_text(RECIPE.format(**names))
    allowed = [str(recipe), "--allow-imports"]

    assert main(["compose", *allowed]) == 0
    assert capsys.readouterr().out.count("\n") == 8

    assert main(["train", *allowed, "--run", str(trained), "--json"]) == 0
    assert said(capsys)["steps"] == 3
    from mem1_stranger import estimator  # type: ignore[import-not-found]  # installed by the fixture

    run = RunDir.open(trained)
    episodes = list(read_episodes(run.episodes("train", compressed=True)))
    assert len(episodes) == 6
    assert {episode.score.scorer for episode in episodes if episode.score is not None} == {"near"}
    assert json.loads(run.config_json.read_text())["memory"]["type"] == names["memory"]
    assert estimator.CALLS

    words = ["evaluate", *allowed, "--compare", "--run", str(measured), "--json", "--baseline", "full"]
    assert main(words) == 0
    strategies = {cell["strategy"] for cell in said(capsys)["cells"]}  # type: ignore[attr-defined]
    assert strategies == {*builtin_names("memory"), "turns", names["memory"]}
    assert main(["evaluate", *allowed, "--run", str(measured), "--resume", "--compare", "--baseline", "full"]) == 0
    capsys.readouterr()

    for name in [name for name in sys.modules if name.startswith("mem1_stranger")]:
        del sys.modules[name]
    assert main(["report", str(measured)]) == 0
    assert "near" in (measured / "report.html").read_text()
    assert "turns" in Viewer(RunDir.open(trained)).index({})
    assert not [name for name in sys.modules if name.startswith("mem1_stranger")]  # reading a run imports nothing
    assert ours() == before


@pytest.mark.parametrize("names", [BY_NAME, BY_PATH], ids=["by entry point", "by path"])
@pytest.mark.parametrize("command", ["compose", "train", "evaluate"])
def test_without_permission_they_are_refused_with_the_reason(
    command: str, names: dict[str, str], installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(**names))
    assert main([command, str(recipe)]) == ConfigError.exit_code
    told = " ".join(capsys.readouterr().err.split())
    for name in names.values():
        assert f"'{name}' names code, and a recipe is data" in told
    assert "--allow-imports" in told
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_imports_nothing_that_its_directory_names(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else's run is no recipe that the reader allowed: its parts are not imported to compare them."""
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE.format(**BY_NAME))
    assert main(["train", str(recipe), "--allow-imports", "--run", str(run)]) == 0
    config = json.loads((run / "config.json").read_text())
    config["memory"]["type"] = "mem1_not_to_be_imported:Config"
    (run / "config.json").write_text(json.dumps(config))
    (tmp_path / "mem1_not_to_be_imported.py").write_text("raise SystemExit('imported')\n")
    sys.path.insert(0, str(tmp_path))
    try:
        capsys.readouterr()
        assert main(["train", str(recipe), "--allow-imports", "--run", str(run), "--resume"]) != 0
    finally:
        sys.path.remove(str(tmp_path))
    assert "mem1_not_to_be_imported" not in sys.modules
