"""Engines whose weights lie elsewhere, from their configuration."""

from __future__ import annotations

from mem1.inference.base import Engine
from mem1.inference.config import OpenAiConfig, VllmConfig
from mem1.inference.folders import find_folder, local_tokenizer


def connect(config: OpenAiConfig | VllmConfig, model: str, *, side: bool = False) -> Engine:
    """The engine of ``config`` for ``model``: a server's name of it, or a folder for vLLM.

    A ``side`` model has prices of its own: those of the policy are not applied to it. Raises ``ConfigError``,
    ``ModelError``; ``Mem1Error`` where a package is missing.
    """
    if isinstance(config, VllmConfig):
        from mem1.inference.vllm_engine import VllmEngine

        folder = find_folder(model)
        return VllmEngine.start(config, folder, local_tokenizer(str(folder), chat=config.chat))
    from mem1.inference.endpoint.openai_engine import OpenAiEngine

    if side:
        config = config.model_copy(update={"prices": config.side_prices})
    tokenizer = local_tokenizer(config.tokenizer, chat=config.chat, special_strings=config.special_strings)
    return OpenAiEngine(config, model, tokenizer)
