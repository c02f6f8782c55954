"""``mem1 recipe [SECTION]``: every key that a recipe can hold."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser, alone


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("section", metavar="SECTION", nargs="?", help="only this one: train, train.kl, memory, ...")
    parser.add_argument("--schema", action="store_true", help="print a JSON schema instead, for editors")
    parser.add_argument("--out", metavar="FILE", type=Path, help="with --schema: write it there")


def run(arguments: argparse.Namespace) -> int:
    """Print the keys, section by section, or the schema."""
    from mem1.cli.recipe_keys import sections
    from mem1.errors import ConfigError

    if arguments.schema:
        alone("--schema", {"SECTION": arguments.section}, where="mem1 recipe", why="is of a whole recipe")
        return _schema(arguments.out)
    if arguments.out is not None:
        raise ConfigError("--out belongs to --schema", where="mem1 recipe", hint="drop it, or add --schema")
    found = sections(arguments.section)
    if arguments.json:
        output.show([asdict(key) for one in found for key in one.keys], as_json=True)
        return 0
    for one in found:
        print(f"\n[{one.name or 'without a section'}]" + (f'  type = "{one.part}"' if one.part else ""))
        print(f"# {one.doc}")
        for key in one.keys:
            print(f"{key.key.rpartition('.')[2]} = {key.default}  # {key.type}")
    return 0


def _schema(out: Path | None) -> int:
    from mem1.recipe import Recipe
    from mem1.storage.atomic import write_atomic

    text = json.dumps(recipe_schema(Recipe.model_json_schema()), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        write_atomic(out, text.encode())
    return 0


def recipe_schema(schema: dict[str, object]) -> dict[str, object]:
    """The schema of a file: that of the configuration, and what only a file can say."""
    properties = schema["properties"]
    assert isinstance(properties, dict)
    extends = {"type": "string", "description": "another recipe that this one is laid on, relative to this file"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mem1 recipe",
        **{key: value for key, value in schema.items() if key != "title"},
        "properties": {"extends": extends, **properties},
    }
