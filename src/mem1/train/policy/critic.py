"""The critic of PPO: the value of a context, read off a language model's last hidden state."""

from __future__ import annotations

import copy
from typing import Literal

from torch import Tensor, nn

from mem1.train.policy.policy import Policy


class ValueHead(nn.Module):
    """A linear map from hidden states [T, hidden] to values [T]. Starts at zero: every value is 0."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Values of float [T, hidden]."""
        values: Tensor = self.linear(hidden)
        return values.squeeze(-1)


def make_critic(policy: Policy, kind: Literal["shared", "separate"]) -> Policy:
    """A critic for ``policy``.

    ``separate``: a copy of the model with a value head of its own. ``shared``: a value head on the policy itself, which
    is returned; value errors then train the policy's layers too.
    """
    parameter = next(policy.model.parameters())
    head = ValueHead(policy.model.config.get_text_config().hidden_size).to(parameter.device, parameter.dtype)
    if kind == "shared":
        policy.value_head = head
        return policy
    critic = Policy(copy.deepcopy(policy.model), head, autocast=policy.autocast)
    critic.checkpointing, critic.logit_chunk = policy.checkpointing, policy.logit_chunk
    return critic
