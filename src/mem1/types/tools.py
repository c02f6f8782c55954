"""What an environment, or a memory, offers to be used."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from mem1.types.json_schema import mismatch, unsupported
from mem1.types.record import Record

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


class ToolSpec(Record):
    """A tool: its name, what it does in words that a policy reads, and the JSON schema of its arguments.

    ``parameters`` is the schema of an object. ``ValueError`` (from pydantic) where it is none, or uses what cannot be
    checked (see ``json_schema``).
    """

    name: ToolName
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})

    @field_validator("parameters")
    @classmethod
    def _checkable(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            found = unsupported(parameters)
        except RecursionError as error:
            raise ValueError("parameters are nested too deeply") from error
        if found is not None:
            raise ValueError(found)
        if parameters.get("type", "object") != "object":
            raise ValueError("parameters describe an object: type is 'object'")
        return parameters

    @property
    def argument(self) -> str | None:
        """The one argument that a call must name, if it is a text: such a tool can be written as a tag."""
        properties: dict[str, Any] = self.parameters.get("properties", {})
        needed = list(self.parameters.get("required", ())) or list(properties)
        if len(needed) != 1:
            return None
        schema = properties.get(needed[0])
        return needed[0] if isinstance(schema, dict) and schema.get("type") == "string" else None

    @property
    def takes_nothing(self) -> bool:
        """Whether it has no arguments at all."""
        return not self.parameters.get("properties") and not self.parameters.get("required")

    def why_not(self, arguments: object) -> str | None:
        """Why ``arguments`` do not fit, in words; ``None`` where they do."""
        return mismatch(arguments, {"type": "object", **self.parameters})


def text_tool(name: str, argument: str, description: str = "") -> ToolSpec:
    """A tool with one argument, a text that is not blank."""
    text = {"type": "string", "minLength": 1}
    schema = {"type": "object", "properties": {argument: text}, "required": [argument], "additionalProperties": False}
    return ToolSpec(name=name, description=description, parameters=schema)
