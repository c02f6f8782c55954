"""Our tools for others: a ``Toolbox`` as a server of the Model Context Protocol."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from mem1 import __version__
from mem1.errors import Mem1Error
from mem1.text import well_formed
from mem1.tools.toolbox import Toolbox


def make_server(toolbox: Toolbox, *, largest: int) -> Any:
    """The SDK's server over ``toolbox``, which has to be entered before the first request.

    A result is one text of at most ``largest`` characters. Whatever fails, an unknown tool and arguments that do not
    fit among it, is a result that says so (``isError``): the caller's model can mend it.
    """

    async def listed(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=spec.name,
                    description=spec.description,
                    input_schema={"type": "object", **spec.parameters},
                    annotations=types.ToolAnnotations(read_only_hint=not toolbox.changes(spec.name)),
                )
                for spec in toolbox.specs
            ]
        )

    async def called(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        specs = {spec.name: spec for spec in toolbox.specs}
        arguments = params.arguments or {}
        if params.name not in specs:
            return _result(f"there is no tool {params.name!r}; there are: {', '.join(specs)}", failed=True)
        why_not = specs[params.name].why_not(arguments)
        if why_not is not None:
            return _result(f"{params.name}: {why_not}", failed=True)
        try:
            found = await toolbox.call(params.name, arguments)
        except Mem1Error as error:  # what would end a run of ours (a refused key) is theirs to know
            return _result(well_formed(f"{params.name} failed: {error.what}"), failed=True)
        return _result(_cut(found.text, largest), failed=found.failed)

    return Server("mem1", version=__version__, on_list_tools=listed, on_call_tool=called)


async def serve_stdio(toolbox: Toolbox, *, largest: int) -> None:
    """Serve on standard input and output until the input ends. Raises what entering ``toolbox`` raises."""
    server = make_server(toolbox, largest=largest)
    async with toolbox, stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _result(text: str, *, failed: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=failed)


def _cut(text: str, largest: int) -> str:
    if len(text) <= largest:
        return text
    return f"{text[:largest]}\n(cut after {largest:,} of {len(text):,} characters)"
