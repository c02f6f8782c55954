"""What of a recipe's memories an evaluation makes use of, and what is refused since it would be passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mem1.errors import ConfigError
from mem1.memory.config import MemoryConfig
from mem1.recipe import SHARED, Recipe


def check_heeded(recipe: Recipe, overrides: Iterable[str]) -> None:
    """Refuse ``overrides`` (``key=value``) that set up a memory which the evaluation does not run.

    Raises ``ConfigError``.
    """
    evaluated = recipe.evaluate.strategies
    given = [one.lstrip("!").partition("=")[0] for one in overrides]
    kind = recipe.memory.type
    ours = [key for key in given if key.startswith("memory.") and key.split(".")[1] not in SHARED]
    if ours and kind not in evaluated:
        raise _refused(ours, f"{kind} is not among the strategies that are evaluated ({', '.join(evaluated)})", kind)
    listed = [key for key in given if key.partition(".")[0] == "strategies"]
    for one in recipe.strategies if listed else ():
        if one.type not in evaluated:
            raise _refused(listed, f"{one.type} is not among the strategies that are evaluated", one.type)


def unused(recipe: Recipe) -> Iterator[str]:
    """Settings of the recipe's memory that no strategy of its evaluation makes use of, in words."""
    kind, evaluated = recipe.memory.type, recipe.evaluate.strategies
    keys = ", ".join(f"memory.{name}" for name in _set_up(recipe.memory))
    if keys and kind not in evaluated:
        yield f"{keys}: not used, for {kind} is not among the strategies that are evaluated ({', '.join(evaluated)})"


def _set_up(memory: MemoryConfig) -> dict[str, object]:
    """The settings of its own that are not the defaults."""
    fields = type(memory).model_fields.items()
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields if name not in SHARED}
    return {name: value for name, value in dict(memory).items() if name in defaults and value != defaults[name]}


def _refused(keys: list[str], why: str, kind: str) -> ConfigError:
    return ConfigError(
        f"{', '.join(keys)}: nothing that is evaluated has use for it: {why}",
        where="evaluate.strategies",
        hint=f"name it there too: --evaluate.strategies '[\"{kind}\"]'; or leave the keys out",
    )
