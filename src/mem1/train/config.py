"""Settings of training and of the warm start. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.registry import Kind, Part, by_default
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.overlong import OverlongConfig
from mem1.train.advantages.ppo import Ppo
from mem1.train.backends.keys import BY_THE_LOOP, IN_THIS_PROCESS, given
from mem1.train.losses.config import Cispo, LossConfig
from mem1.train.memory_credit.config import MemoryCredit

if TYPE_CHECKING:  # read with every part of a recipe; engines only where one is named
    from mem1.inference.config import EngineConfig

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Launch = Callable[[Any, bool], tuple[Any, Any]]
"""From a command's ``Start`` and whether to resume to its ``RunDir`` and ``TrainResult``: types that lie above, or
behind torch."""


# ---------------------------------------------------------------- parts


class KlConfig(Config):
    """Divergence from the reference policy, in nats.

    ``reward``: ``coef`` times the k1 estimate is taken from the reward, token by token (summed over the episode where
    the algorithm has one advantage an episode). ``loss``: ``coef`` times ``loss_estimator`` is added to the loss. k1
    is not offered there because its gradient is zero in expectation.

    ``credit`` is for ``reward``: ``episode`` takes the whole episode's cost from every one of its tokens; ``to_go``
    only what a turn and those after it cost (arXiv 2501.03262, with a baseline for each turn). By default it is
    ``to_go`` where ``train.credit`` is per objective. PPO charges every token anyway.
    """

    coef: NonNegative = 0.0
    where: Literal["reward", "loss"] = "loss"
    loss_estimator: Literal["k2", "k3"] = "k3"
    credit: Literal["episode", "to_go"] | None = None

    @model_validator(mode="after")
    def _credits_a_reward(self) -> Self:
        if self.credit is not None and self.where == "loss":
            raise ValueError(
                'credit says who a cost in the reward is taken from: set where = "reward", or leave it out'
            )
        return self


class OptimizerConfig(Config):
    """AdamW and its learning rate.

    ``warmup`` counts steps with a linearly rising rate; after it the rate stays (``constant``) or falls to
    ``final_fraction`` of ``lr`` along a half cosine (``cosine``), over the last ``falling`` share of the steps.
    """

    lr: Positive = 1e-6
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    weight_decay: NonNegative = 0.0
    warmup: int = Field(default=0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    falling: Annotated[float, Field(gt=0, le=1)] = 1.0
    final_fraction: Fraction = 0.0
    max_grad_norm: Positive = 1.0


class RowsConfig(Config):
    """How samples become rows: ``capacity`` tokens a row, the task prompt laid down once or once a context.

    ``filled``: on CUDA every row is filled up to the capacity, so that attention is compiled for one length only. For
    small models the tokens that fill it cost less than the compiler.
    """

    capacity: Count = 4096
    share_prefix: bool = True
    filled: bool = False


class JumpsConfig(Config):
    """Gaps between the positions of a ``share`` of the tasks, of up to ``most``, so that distances differ.

    They are in front of tokens whose text begins with ``before``: the numbers of lines.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    most: Annotated[int, Field(ge=1)] = 64
    before: Annotated[str, Field(min_length=1)] = "("


class LoraConfig(Config):
    """A low-rank adapter (arXiv 2106.09685): weights W stay, ``alpha / r`` · B A is added to them and trained.

    ``targets``: names of the linear layers that get one (``["q_proj", "v_proj"]``), or ``"all-linear"``: every one but
    the output layer. ``dropout`` zeroes inputs of A during supervised training only.
    """

    r: Count = 16
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"


class TrainConfig(Config):
    """Reinforcement learning.

    One step = ``tasks_per_step`` groups of ``group_size`` episodes, then ``epochs * minibatches`` optimizer steps,
    however many turns the episodes took. Minibatches split the batch by groups (by episodes where there are fewer
    groups than minibatches), never by rows.

    ``max_rollout_gap`` bounds what the trainer and the engine may differ by before an update: the mean over a
    minibatch's tokens of |log p of the trainer - log p reported when sampling|, in nats (``policy/rollout_gap``).
    Above it training stops: the gradient would be that of other text than was sampled. ``None`` does not stop.

    ``credit`` says which reward a token is credited with: ``episode``, all of it; ``objective``, that of the objectives
    which were not settled when it was written, each with a baseline of its own (``advantages/earnings.py``).

    ``memory_credit`` adds to the advantage of a state's tokens what the page tells of the answers
    (``memory_credit/``).

    ``side_calls``: what the policy wrote in side calls of its memory (summaries, notes) is trained on as its turns are,
    with the advantage of the turn that each was made for.

    ``temperature``: what episodes are sampled at, in turns and side calls. The policy that is trained is the one that
    was sampled: the model with its logits divided by it, in ratios, divergence and entropy too.

    ``refill``: how often in a step further tasks may be drawn in place of groups that teach nothing, as many as are
    missing (DAPO's dynamic sampling, arXiv 2503.14476).

    ``checkpointing``: each layer's activations are computed again for its gradient instead of being kept: a third more
    arithmetic, and the memory of one layer in place of all.

    ``logit_chunk``: the logits of so many tokens exist at a time, and are computed again for their gradient, instead of
    those of a whole row; 0: of the row (``policy/head.py``).

    ``staleness``: the rollout of a step is written by the weights of so many steps before, while those steps are
    learned from (``train/ahead.py``); ``tis_cap`` weighs what they have moved since, ``max_rollout_gap`` bounds it too.
    Needs memory for a copy of the weights where the engine shares them. 0: rollouts and updates take turns.

    Of the checkpoints, made every ``checkpoint_every`` steps, the newest ``keep`` are kept, the one that scored best on
    the watched tasks, and those after each ``keep_every`` steps (0: none).

    ``tis_cap`` bounds the weight p_trainer / p_rollout: of each token, cut off there (``importance = "token"``), or of
    a whole completion, left out above it (``"sequence"``). ``constant_length`` is what ``normalisation = "constant"``
    divides an episode's sum over tokens by: the most tokens that an episode may write, say.
    """

    algorithm: Algorithm = by_default("estimator", "grpo")
    credit: Literal["episode", "objective"] = "episode"
    memory_credit: MemoryCredit = by_default("memory_credit", "none")
    overlong: OverlongConfig = OverlongConfig()
    side_calls: bool = True
    temperature: Positive = 1.0
    refill: int = Field(default=0, ge=0)
    staleness: int = Field(default=0, ge=0)
    steps: Count = 100
    tasks_per_step: Count = 8
    group_size: Count = 8
    epochs: Count = 1
    minibatches: Count = 1
    optimizer: OptimizerConfig = OptimizerConfig()
    loss: LossConfig = by_default("loss", "clip")
    clip_low: Fraction = 0.2
    clip_high: Positive = 0.2
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    kl: KlConfig = KlConfig()
    tis_cap: Positive | None = 2.0
    max_rollout_gap: Positive | None = 0.1
    importance: Literal["token", "sequence"] = "token"
    normalisation: Literal["token", "episode", "constant"] = "token"
    constant_length: Count | None = None
    entropy_coef: NonNegative = 0.0
    rows: RowsConfig = RowsConfig()
    checkpointing: bool = False
    logit_chunk: int = Field(default=0, ge=0)
    autocast: Literal["none", "bfloat16"] = "none"
    checkpoint_every: Count = 10
    keep: Count = 2
    keep_every: int = Field(default=0, ge=0)
    evaluate_every: int = Field(default=10, ge=0)
    no_signal_limit: Count = 10
    seed: int = 0

    @model_validator(mode="after")
    def _keeps_what_is_made(self) -> Self:
        _check_kept(self.keep_every, self.checkpoint_every)
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.group_size == 1 and self.uses_groups:
            raise ValueError(f"{self.algorithm.type} compares the episodes of a group: group_size must be 2 or more")
        if (self.normalisation == "constant") != (self.constant_length is not None):
            raise ValueError('constant_length and normalisation = "constant" need each other')
        if self.dual_clip is not None and isinstance(self.loss, Cispo):
            raise ValueError('dual_clip plays no part in loss "cispo": leave it out')
        if self.importance == "sequence" and self.tis_cap is None:
            raise ValueError('importance = "sequence" leaves out what is above tis_cap: give one')
        if self.refill and not self.uses_groups:
            raise ValueError(
                f"refill replaces groups with equal rewards, and {self.algorithm.type} learns from those too"
            )
        ppo = self.algorithm if isinstance(self.algorithm, Ppo) else None
        if ppo and ppo.critic_warmup >= self.steps:
            raise ValueError(f"critic_warmup = {ppo.critic_warmup} leaves none of {self.steps} steps to the policy")
        if self.credit == "objective" and ppo and (ppo.chain, ppo.segment_reward) == ("per_segment", "every"):
            raise ValueError('credit = "objective" puts rewards where they were earned: set segment_reward = "last"')
        return self

    @property
    def uses_groups(self) -> bool:
        """Whether a group with equal rewards teaches the algorithm nothing."""
        return self.algorithm.uses_groups

    @property
    def updates_per_step(self) -> int:
        """Optimizer steps of one rollout batch."""
        return self.epochs * self.minibatches


class BackendConfig(Part):
    """Where the weights are trained, told apart by ``type``.

    A back end of this program says of each key of ``[train]`` and ``[engine]`` whether it acts on it (``honours``) or
    refuses it (``refuses``): none is read and forgotten.
    """

    part_kind: ClassVar[Kind] = "backend"
    free: ClassVar[tuple[str, ...]] = ()
    """Keys that a resumed run may have otherwise: where it computes, not what."""
    default_type: ClassVar[str | None] = "local"
    honours: ClassVar[frozenset[str]] = frozenset()
    """Keys of a recipe that it acts on, dotted; a table stands for all that is in it."""
    refuses: ClassVar[Mapping[str, str]] = IN_THIS_PROCESS
    """Keys that must keep their defaults, each with the reason; a back end of somebody else's by default these."""
    samples: ClassVar[bool] = False
    """Whether it runs the sampler of ``engine`` itself, at any temperature, in place of this program."""

    def check_recipe(self, recipe: Any) -> None:
        """Raise ``ValueError`` where a key is given that would do nothing."""
        if found := given(recipe, self.refuses):
            told = "; ".join(f"{key}: {reason}" for key, reason in found.items())
            raise ValueError(f"backend {self.type!r} does not act on {told}")

    @property
    def writer(self) -> EngineConfig | None:
        """The engine that the back end brings, which writes in place of ``engine``; ``None``: that one does."""
        return None

    def launch(self) -> Launch | None:
        """What trains in place of this process (``None``: nothing does).

        Raises ``Mem1Error`` where a package that it needs is not here.
        """
        return None


class LocalBackendConfig(BackendConfig):
    """In this process: packed rows, exact gradients (``train/backends/local.py``)."""

    honours: ClassVar[frozenset[str]] = BY_THE_LOOP | {
        "train.memory_credit",
        "train.temperature",
        "train.staleness",
        "train.dual_clip",
        "train.kl",
        "train.entropy_coef",
        "train.rows",
        "train.checkpointing",
        "train.logit_chunk",
        "train.autocast",
        "engine",
    }
    refuses: ClassVar[Mapping[str, str]] = {}

    type: Literal["local"] = "local"


class WarmstartConfig(Config):
    """Supervised training on demonstrations: ``steps`` optimizer steps of ``episodes_per_step`` episodes each.

    ``logit_chunk`` is that of ``TrainConfig``. Checkpoints are kept as there (``keep``, ``keep_every``), the best by
    the held-out loss where no tasks are watched. ``emphasis``: how much more tokens count in the loss whose text begins
    so, e.g. ``{"(": 3}`` for the numbers of lines; the longest beginning decides. ``jumps``: gaps between positions.
    """

    steps: Count = 1000
    episodes_per_step: Count = 64
    optimizer: OptimizerConfig = OptimizerConfig(
        lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, warmup=50, schedule="cosine", final_fraction=0.1
    )
    normalisation: Literal["token", "episode"] = "token"
    rows: RowsConfig = RowsConfig()
    emphasis: dict[Annotated[str, Field(min_length=1)], Annotated[float, Field(gt=0)]] = Field(default={})
    jumps: JumpsConfig = JumpsConfig()
    logit_chunk: int = Field(default=0, ge=0)
    autocast: Literal["none", "bfloat16"] = "none"
    checkpoint_every: Count = 200
    keep: Count = 2
    keep_every: int = Field(default=0, ge=0)
    evaluate_every: int = Field(default=100, ge=0)
    seed: int = 0

    @model_validator(mode="after")
    def _keeps_what_is_made(self) -> Self:
        _check_kept(self.keep_every, self.checkpoint_every)
        return self


def _check_kept(keep_every: int, checkpoint_every: int) -> None:
    """Raise ``ValueError`` where there would be milestones without a checkpoint."""
    if keep_every % checkpoint_every:
        raise ValueError(f"keep_every must be a multiple of checkpoint_every ({checkpoint_every})")


def may_go_on(begun: Config, config: Config) -> bool:
    """Whether a run of ``begun`` can go on as one of ``config`` and end as if that had been asked for from the start.

    Only ``steps`` differs, there are more of them, and the learning rate does not depend on how many there are.
    """
    if not isinstance(begun, TrainConfig | WarmstartConfig) or not isinstance(config, TrainConfig | WarmstartConfig):
        return False
    more = config.steps > begun.steps and config.optimizer.schedule == "constant"
    # Nothing was rolled out ahead of a step that was not to come.
    more = more and not (isinstance(config, TrainConfig) and config.staleness)
    return more and begun == config.model_copy(update={"steps": begun.steps})
