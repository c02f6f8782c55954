"""Take the pictures of the viewer and the report in docs/images/, from a small run that is made for it.

    make screenshots                       # plays and trains for a minute or two, then takes the pictures
    python tools/screenshots.py --run DIR  # of a run that is there already

Needs the development dependencies (playwright) and a Chromium (make chromium).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mem1.report.build import build_report
from mem1.report.viewer.app import make_library_app
from mem1.report.viewer.filter import Filter
from mem1.report.viewer.library import Library
from mem1.serving.background import running

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LIMIT = 300_000  # bytes a picture may have
SMALL = {
    "train.steps": "2",
    "train.tasks_per_step": "4",
    "train.group_size": "4",
    "evaluate.horizons": "[1, 2, 4, 8]",
    "evaluate.tasks": "4",
    "evaluate.fewest_tasks": "2",
    "evaluate.objectives_per_cell": "16",
    "evaluate.session_objectives": "16",
    "evaluate.session_tasks": "1",
}
DESK, WIDE, PHONE = (1280, 860), (1440, 900), (390, 844)
RUN, OTHER = "demo", "demo-seed-1"


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: which address, on what screen, and the keys pressed before it is taken."""

    name: str
    address: str
    size: tuple[int, int] = DESK
    scheme: str = "light"
    keys: tuple[str, ...] = ()


def main() -> int:
    """Take all pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run directory (default: a small run is made)")
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("no chromium here: make chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        run = (arguments.run or make_run(Path(folder) / "small")).resolve()
        report = build_report(run).html.as_uri()
        os.chdir(folder)  # pages name the folder as it was given
        runs = beside_others(run, Path("runs"))
        with served(runs) as base:
            take(browser, [*of_runs(base), *of_viewer(runs, base), *of_report(report)])
    return 0


def make_run(path: Path) -> Path:
    """A real run: the demonstration, cut down to a minute or two."""
    keys = [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "mem1.cli.main", "demo", str(ROOT / "recipes" / "demo.toml"), "--run", str(path)]
    subprocess.run([*command, "--set", "watch_tasks=4", *keys], check=True)
    return path


def beside_others(run: Path, folder: Path) -> Path:
    """A folder with ``run`` and three like it: another seed, one that was stopped, one that is damaged."""
    for name in (RUN, OTHER, "stopped", "damaged"):
        shutil.copytree(run, folder / name)
    for name, seed, steps in ((OTHER, 1, None), ("stopped", 0, 200)):
        path = folder / name / "config.json"
        settings = json.loads(path.read_text()) | {"seed": seed}
        settings["train"]["steps"] = steps or settings["train"]["steps"]
        path.write_text(json.dumps(settings))
    (folder / "damaged" / "config.json").write_text("{")
    return folder


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """The viewer's address while it runs."""
    with running(lambda: make_library_app(Library(runs))) as address:
        yield address


def of_runs(base: str) -> list[Picture]:
    """The runs, some side by side, one's results, metrics and settings; light, dark, phone."""
    compared = base + "/runs?" + urlencode([("run", RUN), ("run", OTHER), ("run", "stopped")])
    return [
        Picture("viewer-runs", base + "/", WIDE),
        Picture("viewer-runs-dark", base + "/", WIDE, "dark"),
        Picture("viewer-runs-phone", base + "/", PHONE),
        Picture("viewer-runs-compare", compared, WIDE),
        Picture("viewer-runs-compare-phone", compared, PHONE, "dark"),
        Picture("viewer-results", f"{base}/r/{RUN}/results#sequential", WIDE),
        Picture("viewer-results-phone", f"{base}/r/{RUN}/results", PHONE),
        Picture("viewer-metrics-dark", f"{base}/r/{RUN}/metrics", WIDE, "dark"),
        Picture("viewer-configuration", f"{base}/r/{RUN}/configuration", WIDE),
    ]


def of_viewer(runs: Path, root: str) -> list[Picture]:
    """The list, an episode, a turn with what was dropped, two strategies side by side; light, dark, phone."""
    viewer = Library(runs).open(RUN).viewer
    base = root + viewer.base
    viewer.catalogue.refresh()
    (longest, *_), _ = viewer.catalogue.page(Filter(strategy="state", order="-objectives", outcome="some wrong"), 1)
    (learnt, *_), _ = viewer.catalogue.page(Filter(order="-advantage"), 1)
    others = viewer.catalogue.same_task(longest)
    opened = ("j", "j", "j", "j", "o")
    return [
        Picture("viewer-list", base + "/?order=-turns"),
        Picture("viewer-list-dark", base + "/?" + urlencode({"order": "-advantage"}), scheme="dark"),
        Picture("viewer-groups-dark", base + "/?label=train&fold=group", WIDE, "dark"),
        Picture("viewer-facts", root + viewer.address(longest).replace("/episode?", "/facts?"), WIDE),
        Picture("viewer-list-phone", base + "/?order=-turns", PHONE),
        Picture("viewer-episode", root + viewer.address(longest)),
        Picture("viewer-turn", root + viewer.address(longest), keys=opened),
        Picture("viewer-turn-dark", root + viewer.address(learnt), scheme="dark", keys=opened[2:]),
        Picture("viewer-turn-phone", root + viewer.address(longest), PHONE, "dark", keys=opened[:-1]),
        *(Picture("viewer-compare", root + viewer.comparison(longest, one), keys=("j",) * 3) for one in others[:1]),
    ]


def of_report(address: str) -> list[Picture]:
    """The report's beginning; light, dark, phone."""
    return [
        Picture("report", address),
        Picture("report-dark", address, scheme="dark"),
        Picture("report-phone", address, PHONE),
    ]


def take(browser: str, pictures: list[Picture]) -> None:
    """Write the files. A picture above ``LIMIT`` ends the program."""
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for one in pictures:
            path = IMAGES / f"{one.name}.png"
            _take(started, one, path)
            print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB")
            if path.stat().st_size > LIMIT:
                raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {LIMIT}")
        started.close()


def _take(started: Any, one: Picture, path: Path) -> None:
    width, height = one.size
    context = started.new_context(
        viewport={"width": width, "height": height}, color_scheme=one.scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(one.address, wait_until="networkidle")
    for key in one.keys:
        page.keyboard.press(key)
    if "o" in one.keys:
        page.wait_for_selector(".inside")
    page.wait_for_timeout(400)
    page.screenshot(path=str(path))
    context.close()


if __name__ == "__main__":
    raise SystemExit(main())
