"""``mem1 doctor [RECIPE]``: what works here and what does not; ``--url``: what a server says of its model."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.doctor import Check, Status, examine
from mem1.errors import ConfigError, Mem1Error


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(required=False, writes_run=False)
    parser.usage = f"{parser.prog} [RECIPE] [options] [--section.key value ...]"
    parser.epilog = "With a recipe: are its files and services there, does its model fit, how long does it take?"
    parser.add_argument("--url", metavar="URL", help="examine a model's server instead: an OpenAI-compatible address")
    parser.add_argument("--model", metavar="NAME", help="its name there (default: the first), or the recipe's")
    parser.add_argument("--cluster", metavar="ADDRESS", help="ask every node of a Ray cluster (auto: this machine's)")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the server's key")


def run(arguments: argparse.Namespace) -> int:
    """Print all findings; 1 if any of them is a failure."""
    given = [name for name in ("url", "cluster", "recipe") if getattr(arguments, name) is not None]
    if len(given) > 1:
        raise ConfigError("one thing is examined at a time", where="mem1 doctor", hint=f"give {given[0]} alone")
    _refuse_unheeded(arguments)
    if arguments.cluster is not None:
        findings = _cluster(arguments.cluster)
    elif arguments.url is not None:
        findings = list(_server(arguments))
    elif arguments.recipe is not None:
        from mem1.doctor.recipe import examine_recipe  # what runs recipes, which the rest does without

        named = [f"model={arguments.model}"] if arguments.model is not None else []
        findings = list(examine_recipe(arguments.recipe, [*arguments.overrides, *named]))
    else:
        findings = list(examine())
    output.show([asdict(check) for check in findings], as_json=arguments.json, title="mem1 doctor")
    return int(any(check.status is Status.FAIL for check in findings))


def _refuse_unheeded(arguments: argparse.Namespace) -> None:
    """Raise ``ConfigError`` for what says something of a thing that is not examined."""
    of_recipe, of_server = arguments.recipe is not None, arguments.url is not None
    for option, given, heeded, hint in (
        ("--key-env", arguments.key_env, of_server, "add --url URL, or leave it out"),
        ("--model", arguments.model, of_server or of_recipe, "add --url URL or a RECIPE, or leave it out"),
        ("keys of a recipe", arguments.overrides or None, of_recipe, "name the RECIPE, or leave them out"),
    ):
        if given is not None and not heeded:
            raise ConfigError(f"{option}: nothing that is examined has use for it", where="mem1 doctor", hint=hint)


def _cluster(address: str) -> list[Check]:
    """Whether every node can train by verl. Raises ``Mem1Error`` where Ray is not installed or not there."""
    from mem1.integrations.verl.config import NEEDS

    try:
        from mem1.integrations.verl.nodes import nodes_of
    except ModuleNotFoundError as error:
        raise Mem1Error(f"a cluster is asked by a package that is not here: {error.name}", hint=NEEDS) from error
    return [_node(node.name, node.versions, node.error) for node in nodes_of(address)]


def _node(name: str, versions: Mapping[str, str | None], error: str | None) -> Check:
    found = ", ".join(f"{package} {version}" for package, version in versions.items() if version is not None)
    if error is None:
        return Check(f"node {name}", Status.OK, found)
    why = error.strip().splitlines()[-1]
    return Check(f"node {name}", Status.FAIL, f"{found or 'no answer'}: {why}", "pip install 'mem1-rl[verl]' there")


def _server(arguments: argparse.Namespace) -> list[Check]:
    """What the server tells. Raises ``ConfigError``, ``HttpError`` where nobody is there."""
    from mem1.config import build
    from mem1.inference.config import OpenAiConfig
    from mem1.inference.endpoint.window import discover

    given = {"base_url": arguments.url, "key_env": arguments.key_env}
    window = asyncio.run(discover(build(OpenAiConfig, given, where="the command line"), arguments.model))
    served = Check("models", Status.OK, ", ".join(window.models[:20]) or "the server lists none")
    if window.tokens is None:
        hint = "give engine.max_context what the server was started with; Ollama tells it of a loaded model only"
        return [served, Check("window", Status.WARN, "the server does not tell it", hint)]
    return [served, Check("window", Status.OK, f"{window.tokens:,} tokens ({window.said_by})")]
