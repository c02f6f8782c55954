"""The rule-based shopper as an engine in a recipe: ``model = "builtin:shopper"``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mem1.inference.config import EngineConfig

if TYPE_CHECKING:
    from mem1.inference.scripted.engine import ScriptedEngine


class ShopperConfig(EngineConfig):
    """A shopper that is told nothing; each word counts as a token."""

    type: Literal["shopper"] = "shopper"

    def check_recipe(self, recipe: Any) -> None:
        """It reads the shop's pages as text and writes tags."""
        env = recipe.env
        if env.type != "webshop" or not env.readable_by_rules:
            raise ValueError(
                'builtin:shopper shops in env.type = "webshop" with observation = "text", form = "tags" and no protocol'
            )

    def build(self, model: str) -> ScriptedEngine:
        """The shopper."""
        from mem1.webshop.shopper import shopper_engine

        return shopper_engine()
