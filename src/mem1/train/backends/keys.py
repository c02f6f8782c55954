"""Which keys of a recipe a training back end acts on, and which of those that it does not were given."""

from __future__ import annotations

from collections.abc import Mapping

from mem1.config import Config

BY_THE_LOOP = frozenset(
    f"train.{key}"
    for key in (
        "algorithm",
        "credit",
        "overlong",
        "side_calls",
        "refill",
        "steps",
        "tasks_per_step",
        "group_size",
        "epochs",
        "minibatches",
        "optimizer",
        "loss",
        "clip_low",
        "clip_high",
        "tis_cap",
        "importance",
        "max_rollout_gap",
        "normalisation",
        "constant_length",
        "checkpoint_every",
        "keep",
        "keep_every",
        "evaluate_every",
        "no_signal_limit",
        "seed",
    )
)
"""What is acted on wherever the weights are: our loop makes episodes, advantages, weights and checkpoints."""
IN_THIS_PROCESS: Mapping[str, str] = {
    "train.memory_credit": "it asks the weights, which are not here; train with backend 'local'",
    "train.temperature": "it trains at temperature 1",
    "train.staleness": "it makes no rollouts ahead",
    "train.logit_chunk": "its logits are computed by other code",
}
"""What most back ends outside this process cannot do, with the reason."""


def given(recipe: Config, keys: Mapping[str, str]) -> dict[str, str]:
    """Of ``keys`` (dotted, ``"train.rows"``, each with a reason) those whose value is not the default.

    A key that the chosen part does not have (``engine.eager`` of an engine without it) is not given.
    """
    return {key: reason for key, reason in keys.items() if _differs(recipe, key.split("."))}


def _differs(section: Config, path: list[str]) -> bool:
    name, *rest = path
    field = type(section).model_fields.get(name)
    if field is None:
        return False
    value = getattr(section, name)
    if rest:
        return isinstance(value, Config) and _differs(value, rest)
    return bool(value != field.get_default(call_default_factory=True))
