"""Settings of PPO, whose advantages come from a critic (``gae.py``). No torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mem1.train.advantages.config import Algorithm

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Ppo(Algorithm):
    """PPO with a critic and generalised advantage estimation (arXiv 1506.02438).

    ``chain`` names what the estimation runs along:

    - ``token_chain``: an episode's own sampled tokens in time order, across context rewrites, with the reward at the
      last token. The definition to use.
    - ``per_segment``: every context is a chain of its own, as in code that treats rows as episodes. Kept for
      comparison; ``segment_reward`` says whether the episode's reward stands at the end of every one
      (``every``) or of the last one only (``last``, where earlier contexts learn nothing from the reward).

    For the first ``critic_warmup`` steps of a run only the critic is trained (arXiv 2503.01491): a critic that knows
    nothing yet gives advantages that unlearn what the policy can do.
    """

    type: Literal["ppo"] = "ppo"
    chain: Literal["token_chain", "per_segment"] = "token_chain"
    segment_reward: Literal["every", "last"] = "every"
    gamma: Fraction = 1.0
    lam: Fraction = 1.0
    critic: Literal["shared", "separate"] = "separate"
    critic_lr: Positive = 1e-5
    critic_warmup: int = Field(default=0, ge=0)
    value_coef: NonNegative = 0.5
    value_clip: Positive | None = 0.2
    whiten: bool = True
