"""Write docs/api.md: what ``import mem1`` offers, from the docstrings.

python tools/api.py            # write the page
python tools/api.py --check    # exit 1 where it is not up to date
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import mem1
from mem1.config import Config

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
_HEAD = """\
# What is public

Made from the docstrings by `python tools/api.py`. These names, the keys of recipes (`mem1 recipe`), the commands with
their flags and exit codes, and the files of a run directory are what a version speaks of; anything else may move.
Every name is imported from `mem1` itself, when it is first used.
"""


def page() -> str:
    """The page's text."""
    sections = [_section(name, getattr(mem1, name)) for name in mem1.__all__ if name != "__version__"]
    return "\n".join([_HEAD, *sections])


def _section(name: str, what: Any) -> str:
    lines = [f"## `{name}{_signature(what)}`", "", f"*{what.__module__}*", "", inspect.getdoc(what) or ""]
    members = [
        f"- `{member}{_signature(value)}`: {_first_sentence(value)}"
        for member, value in vars(what).items()
        if not member.startswith("_") and _is_method(value) and inspect.getdoc(value)
    ]
    if inspect.isclass(what) and members:
        lines += ["", *members]
    return "\n".join([*lines, ""])


def _signature(what: Any) -> str:
    if isinstance(what, property) or (
        inspect.isclass(what) and (issubclass(what, (Config, Exception)) or _is_plain(what))
    ):
        return ""
    function = what.__func__ if isinstance(what, classmethod | staticmethod) else what
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    names = [str(one) if one.kind is one.VAR_POSITIONAL else _parameter(one) for one in signature.parameters.values()]
    return f"({', '.join(name for name in names if name not in ('self', 'cls'))})"


def _parameter(one: inspect.Parameter) -> str:
    return one.name if one.default is one.empty else f"{one.name}={_default(one.default)}"


def _default(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | bool | tuple | type(None)) else "..."


def _is_plain(what: type) -> bool:
    """Protocols and records: what is said of them is their members."""
    return getattr(what, "_is_protocol", False) or hasattr(what, "model_fields")


def _is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def _first_sentence(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else "docs/api.md is not up to date")
    PAGE.write_text(text, encoding="utf-8")
