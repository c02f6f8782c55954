"""Supervised training on demonstrations, with the same samples and rows as reinforcement learning.

The loss is the negative log-likelihood of the tokens that the demonstrator wrote, each in the context it was written
in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from mem1.errors import ConfigError, DataError
from mem1.storage.run_dir import RunDir
from mem1.train.config import WarmstartConfig
from mem1.train.loop import Evaluate, Loop, Schedule, TrainResult
from mem1.train.losses.weights import token_weights
from mem1.train.metrics import Values
from mem1.train.monitors.config import MonitorConfig
from mem1.train.policy.adapters import adapter_dropout
from mem1.train.policy.exactness import training_view
from mem1.train.policy.optimizer import clip_gradient, make_optimizer, rate, set_rate
from mem1.train.policy.policy import Policy
from mem1.train.prepare import score
from mem1.train.recorder import Recorder
from mem1.train.rows.batch import Batch, View, make_batch
from mem1.train.rows.jumps import jumped
from mem1.train.rows.samples import sampled_count
from mem1.train.saving.checkpoint import Progress, Trained
from mem1.types import Episode

SHOWN = {"warmstart/loss": "loss", "warmstart/lr": "lr", "speed/learn_tokens": "tokens/s", "seconds/step": "s"}

Demonstrations = Callable[[int], Iterator[Episode]]
"""``demonstrations(n)`` yields demonstrations number n, n + 1, ... of one fixed, endless sequence."""


def repeated(episodes: Sequence[Episode], *, seed: int) -> Demonstrations:
    """The endless sequence that goes through ``episodes`` again and again, in a new order each time.

    Raises:
        DataError: There are none.
    """
    if not episodes:
        raise DataError("there are no demonstrations", hint="write some first, or check the task source's split")

    def sequence(start: int) -> Iterator[Episode]:
        round_, skipped = divmod(start, len(episodes))
        while True:
            order = list(range(len(episodes)))
            random.Random(f"{seed}/{round_}").shuffle(order)
            yield from (episodes[index] for index in order[skipped:])
            round_, skipped = round_ + 1, 0

    return sequence


def warm_start(
    policy: Policy,
    demonstrations: Demonstrations,
    config: WarmstartConfig,
    run: RunDir,
    *,
    held_out: Sequence[Episode] = (),
    evaluate: Evaluate | None = None,
    on_weights: Callable[[int], None] | None = None,
    before_learning: Callable[[], None] = lambda: None,
    extra_files: Callable[[Path], None] | None = None,
    console: Console | None = None,
    monitors: Sequence[MonitorConfig] = (),
    pieces: Callable[[], Sequence[bytes]] = tuple,
    resume: bool = False,
) -> TrainResult:
    """Train ``policy`` to write what the demonstrators wrote.

    Args:
        policy: Any causal language model.
        demonstrations: What to imitate; finished episodes that did not fail. Of their side calls those are imitated
            that say what was sampled (``SideCall``).
        config: Settings.
        run: The run directory.
        held_out: Demonstrations to measure the loss on at every evaluation.
        evaluate: Further measurements of the weights after so many steps.
        on_weights: Told the number of complete steps whenever the weights have changed.
        before_learning: Called before each step; what ``evaluate`` samples with may rest until it is called.
        extra_files: Writes what belongs beside the weights (the tokenizer) into a checkpoint's model directory.
        console: For the progress; ``None`` for silence.
        monitors: Who else follows the run.
        pieces: Tells the bytes of each token, by id; asked where settings name texts (``emphasis``, ``jumps``).
        resume: Go on with the run in ``run``.

    Raises:
        CheckpointError: As ``Loop.run``.
        DataError: A demonstration failed, or they ran out.
        ValueError: ``config`` names texts and there are no ``pieces``.
        ModelError: The gradient is not finite, or ``config.logit_chunk`` is set and the model's head cannot be run by
            itself.
    """
    policy.autocast = config.autocast == "bfloat16"
    policy.chunk_logits(config.logit_chunk)
    learner = _Imitation(policy, demonstrations, config, pieces)
    unseen = learner.batch(held_out) if held_out else None

    def measure(step: int) -> dict[str, float]:
        values = {"loss": -score(policy, unseen).logprobs.mean().item()} if unseen is not None else {}
        return values | dict(evaluate(step) or {} if evaluate is not None else {})

    loop = Loop(
        run,
        config,
        Schedule.of(config),
        Trained(policy.model, {}, learner.optimizer),
        shown=SHOWN,
        episodes=None,
        evaluate=measure if unseen is not None or evaluate is not None else None,
        on_weights=on_weights,
        before_learning=before_learning,
        extra_files=extra_files,
        console=console,
        monitors=monitors,
    )
    return loop.run(learner, resume=resume)


class _Imitation:
    """Learns from demonstrations, a fixed number of episodes a step."""

    def __init__(
        self,
        policy: Policy,
        demonstrations: Demonstrations,
        config: WarmstartConfig,
        pieces: Callable[[], Sequence[bytes]],
    ) -> None:
        self._policy = policy
        self._demonstrations = demonstrations
        self._config = config
        named = config.emphasis or config.jumps.share
        texts = pieces() if named else ()
        if named and not texts:
            raise ValueError("emphasis and jumps name texts: hand over the tokens' pieces")
        self._factors = emphasised(texts, config.emphasis)
        self._jumps = torch.tensor([text.startswith(config.jumps.before.encode()) for text in texts])
        self._view: View = training_view(policy.model, length=config.rows.capacity)
        if config.jumps.share and self._view == "reference":
            raise ConfigError(
                f"positions cannot jump in the rows of {type(policy.model).__name__}, which are one context each",
                where="warmstart.jumps.share",
                hint="leave it at 0 for this model",
            )
        if self._view == "packed":
            policy.ensure_exact()  # now: on trial an adapter's dropout, which is on in each step, would get in the way
        self._stream: Iterator[Episode] | None = None
        self.optimizer = make_optimizer(list(policy.model.parameters()), [], config.optimizer, critic_lr=0.0)

    def batch(self, episodes: Sequence[Episode]) -> Batch:
        """Episodes as rows."""
        return make_batch(episodes, **self._config.rows.model_dump(), view=self._view)

    def gather(self, progress: Progress) -> Batch:
        """The next demonstrations; those in which nothing was written are passed over."""
        if self._stream is None:
            self._stream = self._demonstrations(progress.episodes)
        count = self._config.episodes_per_step
        episodes = list(islice(self._stream, count))
        if len(episodes) < count:
            raise DataError(
                f"the demonstrations ran out after {progress.episodes + len(episodes)}",
                hint="hand over an endless sequence, e.g. warmstart.repeated(episodes, seed=0)",
            )
        return self.batch([episode for episode in episodes if sampled_count(episode)])

    def learn(self, gathered: Batch, progress: Progress, recorder: Recorder) -> tuple[Values, Progress]:
        """One optimizer step on the gradient of all rows together."""
        began = time.perf_counter()
        config = self._config
        factor = rate(config.optimizer, progress.step, config.steps)
        set_rate(self.optimizer, factor)
        self.optimizer.zero_grad(set_to_none=True)
        weights = self._weights(gathered)
        rng = random.Random(f"jumps {config.seed} {progress.step}")
        total, tokens = 0.0, 0
        for straight in gathered.rows:
            row = jumped(straight, self._jumps, share=config.jumps.share, most=config.jumps.most, rng=rng)
            with adapter_dropout(self._policy.model):
                logprobs = self._policy.evaluate(row).logprobs
                loss = -(weights[row.flat].to(logprobs.device) * logprobs).sum()
                torch.autograd.backward(loss)  # here: what is computed again needs the dropout that there was
            total += loss.item()
            tokens += row.length
        norm = clip_gradient(self._policy.parameters(), config.optimizer.max_grad_norm)
        self.optimizer.step()
        values: Values = {
            "warmstart/loss": total,
            "warmstart/lr": config.optimizer.lr * factor,
            "warmstart/grad_norm": norm,
            "speed/row_tokens": tokens / (time.perf_counter() - began),
        }
        return values, progress.model_copy(
            update={
                "trained_tokens": progress.trained_tokens + gathered.size,
                "episodes": progress.episodes + config.episodes_per_step,
            }
        )

    def _weights(self, batch: Batch) -> Tensor:
        """How much each token counts, float32 [N], summing to 1."""
        weights = token_weights(batch.starts, self._config.normalisation)
        if not self._config.emphasis:
            return weights
        for row in batch.rows:
            weights[row.flat] *= self._factors[row.target]
        return weights / weights.sum()

    def check(self, progress: Progress) -> None:
        """Nothing ends a warm start early."""


def emphasised(pieces: Sequence[bytes], emphasis: Mapping[str, float]) -> Tensor:
    """How much more each token counts, float32 [vocabulary]: by the longest beginning of its text that is named."""
    factors = {begins.encode(): factor for begins, factor in emphasis.items()}

    def factor(piece: bytes) -> float:
        named = [begins for begins in factors if piece.startswith(begins)]
        return factors[max(named, key=len)] if named else 1.0

    return torch.tensor([factor(piece) for piece in pieces])
