"""verl's own FSDP2 engines, said to run on a processor too."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoModelForTokenClassification
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead


@EngineRegistry.register(model_type="language_model", backend=["fsdp2"], device="cpu")
class CpuPolicyEngine(FSDPEngineWithLMHead):
    """Trains a policy; nothing of verl's is changed."""


@EngineRegistry.register(model_type="value_model", backend=["fsdp2"], device="cpu")
class CpuCriticEngine(FSDPEngineWithValueHead):
    """Trains a critic."""

    def _build_module(self) -> nn.Module:
        """The policy's model with one output a token; verl asks for flash attention by name here, which needs a GPU."""
        config = self.model_config.hf_config
        config.num_labels = 1
        config.classifier_dropout = 0.0
        config.hidden_dropout = 0.0
        config.summary_dropout_prob = 0.0
        found: nn.Module = AutoModelForTokenClassification.from_pretrained(
            self.model_config.local_path, dtype=torch.float32, config=config, local_files_only=True
        )
        return found
