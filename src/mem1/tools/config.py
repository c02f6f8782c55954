"""Settings of tools: which there are."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from mem1.config import Config
from mem1.http.addresses import VariableName, address
from mem1.tools.web.cache import CacheConfig
from mem1.tools.web.pages.config import PagesConfig
from mem1.tools.web.search.config import SearchConfig, SerperConfig

_LAUNCHER = re.compile(r"(python[0-9.]*|npx|uvx|node|bunx|pipx|uv|npm|pnpm|yarn|bun|deno)$")
# ``pipx run NAME``, ``uv tool run NAME``, ``npm exec NAME``: what comes before the name.
_VERBS = frozenset({"run", "tool", "exec", "dlx", "x"})
_VALUED = frozenset({"--directory", "--from", "--spec", "--with", "--python", "--package", "--project", "-p"})
Seconds = Annotated[float, Field(gt=0)]


class McpServerConfig(Config):
    """An MCP server: a ``command`` that is started (stdio), or a ``url`` that is connected to (streamable HTTP).

    ``env``: environment variables that the started server gets, beside the few that programs need (``PATH``, ``HOME``,
    ``LANG``); ``pass_env``: names of those that it gets from our own. ``hidden``: tools that are not offered;
    ``arguments``: values of arguments that are always given so and not shown. ``reads``: tools that change nothing,
    whatever the server says of them. ``token_env``: variable with a bearer token for ``url``.

    ``connect_seconds``: to start and to list its tools. ``call_seconds``: for a call. ``largest``: characters of a
    result that are kept. ``at_once``: calls at the same time.
    """

    command: tuple[str, ...] = ()
    url: Annotated[str, address("token_env")] | None = None
    name: str = ""
    env: dict[str, str] = Field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    token_env: VariableName | None = None
    hidden: tuple[str, ...] = ()
    arguments: dict[str, str | int | float | bool] = Field(default_factory=dict)
    reads: tuple[str, ...] = ()
    connect_seconds: Seconds = 20.0
    call_seconds: Seconds = 60.0
    largest: Annotated[int, Field(ge=1)] = 64 * 2**20
    at_once: Annotated[int, Field(ge=1)] = 4

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: object) -> object:
        """A command may be written as in a shell; none is used to start it."""
        return tuple(shlex.split(command)) if isinstance(command, str) else command

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("an MCP server has a command or a url, one of the two")
        return self

    @property
    def label(self) -> str:
        """What it is called: its ``name``, else that of the program, or the host's."""
        if self.name:
            return self.name
        if self.url is not None:
            return urlsplit(self.url).hostname or "server"
        return _called(self.command)


class WebToolsConfig(Config):
    """The open web. ``search``: whom to ask; ``top_k`` results are shown. ``pages``: how pages are read. ``open``:
    whether they are. ``cache``: what is kept of it; ``None``: as long as a session lasts, what was found in it is not
    asked for again.
    """

    search: SearchConfig = SerperConfig()
    pages: PagesConfig | None = None
    open: bool = True
    top_k: Annotated[int, Field(ge=1)] = 8
    cache: CacheConfig | None = None


class ToolsConfig(Config):
    """Tools of a session. ``files``: folders, read only. ``corpus``: corpora to be searched; ``top_k`` passages are
    shown. ``mcp``: servers. ``web``: the open web. ``only``: names of the tools that are offered; empty: all.
    ``seconds``: for one call.
    """

    files: tuple[Path, ...] = ()
    corpus: tuple[Path, ...] = ()
    top_k: Annotated[int, Field(ge=1)] = 5
    mcp: tuple[McpServerConfig, ...] = ()
    web: WebToolsConfig | None = None
    only: tuple[str, ...] = ()
    seconds: Seconds = 60.0

    @field_validator("files", "corpus", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value


def _called(command: tuple[str, ...]) -> str:
    """The program that ``command`` starts, whatever starts it: ``python -m NAME``, ``npx NAME``, ``pipx run NAME``."""
    program, *words = command
    if _LAUNCHER.match(Path(program).name):
        if "-m" in words[:-1]:
            program = words[words.index("-m") + 1]
        else:
            plain = [word for word, before in zip(words, ("", *words), strict=False) if before not in _VALUED]
            named = itertools.dropwhile(_VERBS.__contains__, (word for word in plain if not word.startswith("-")))
            program = next(named, program)
    name = Path(program).stem if program.endswith((".py", ".js")) else Path(program).name
    return re.sub(r"[^A-Za-z0-9_-]", "_", name).strip("_") or "server"
