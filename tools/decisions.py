"""Write docs/decisions/README.md: every decision with its date and status, from the files themselves.

python tools/decisions.py
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "decisions"
_STATED = re.compile(r"^Date: (\d{4}-\d{2}-\d{2}) · Status: (.+)$", re.MULTILINE)
_HEAD = """\
# Decisions

What was decided, when, and whether it still holds. Numbers go by topic, tens apart; a decision that is given up
stays and names what took its place. Made by `python tools/decisions.py`.

| | decision | date | status |
|---|---|---|---|
"""


def page() -> str:
    """The index. Raises ``ValueError`` for a decision without date and status."""
    return _HEAD + "".join(_row(path) for path in sorted(FOLDER.glob("[0-9]*.md")))


def _row(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    stated = _STATED.search(text)
    if stated is None:
        raise ValueError(f"{path.name} does not say 'Date: YYYY-MM-DD · Status: ...' below its title")
    title = text.partition("\n")[0].removeprefix("# ")
    return f"| {path.name[:4]} | [{title}]({path.name}) | {stated[1]} | {stated[2]} |\n"


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(page(), encoding="utf-8")
