"""A runner on trial: what it says of a model's next tokens against one plain forward pass.

Random prompts, one of them in pieces, a forced closing of several tokens, greedy tokens, alone and together, and a
context that is rewritten: what sampling does, in little. It is done twice: short, with the cache's length misreported,
and as long as contexts will be, as far as that is cheap.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from mem1.errors import ModelError
from mem1.inference.hf.runners.base import Feed, Runner
from mem1.inference.hf.runners.batched import SlotRunner

SHORT = 64
"""Tokens of the short trial, and the least of a long one."""

_CLOSING = 9
_STEPS = 8
_LIKELIEST = 8  # tokens whose log-probabilities are compared at each place
_EXCESS = 20_011  # beyond every length from which a known model scales its attention
_ARITHMETIC = {"cpu": 2e10, "cuda": 2e13}  # about a second
_LOGITS = 1 << 28  # entries that a model without ``logits_to_keep`` may make


def allowed_gap(model: PreTrainedModel) -> tuple[float, str]:
    """Nats that two ways of computing may differ by, and what of: the largest in float32, else the mean.

    In half precision single tokens differ by tenths of a nat by rounding alone.
    """
    return (1e-3, "largest") if model.dtype in (torch.float32, torch.float64) else (0.05, "mean")


def affordable(model: PreTrainedModel, wanted: int) -> int:
    """Tokens of a trial: ``wanted``, or as many as take about a second; not less than ``SHORT`` of them."""
    config = model.config.get_text_config()
    weights = sum(weight.numel() for weight in model.parameters())
    layers = getattr(config, "num_hidden_layers", None) or 1
    width = getattr(config, "hidden_size", None) or 1
    # 2 operations a weight and token, 4 * width a pair of tokens and layer; twice, for there are two ways.
    linear, square = 4.0 * weights, 8.0 * layers * width
    budget = _ARITHMETIC.get(model.device.type, _ARITHMETIC["cpu"])
    most = int((math.sqrt(linear**2 + 4 * square * budget) - linear) / (2 * square))
    if not takes(model, "logits_to_keep"):
        most = min(most, _LOGITS // config.vocab_size)
    return min(wanted, max(most, SHORT))


def takes(model: PreTrainedModel, name: str) -> bool:
    """Whether the model's forward knows a keyword."""
    return name in inspect.signature(model.forward).parameters


def fault(runner: Runner, model: PreTrainedModel, length: int, *, piece: int, misled: bool = False) -> str | None:
    """What is wrong with ``runner``; ``None`` if its numbers are those of plain forward passes.

    Args:
        runner: Fresh; it is cleared afterwards.
        model: Its model, in evaluation mode.
        length: Tokens of the longest context.
        piece: Most prompt tokens that are laid down at once.
        misled: Whether a slot cache says it is longer than it is.

    Raises:
        ModelError: The model's own logits are not finite.
    """
    try:
        if misled and isinstance(runner, SlotRunner):
            runner.mislead(_EXCESS)
        sessions = _play(runner, model.config.get_text_config().vocab_size, length, piece)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason'}"
    finally:
        runner.clear()
        if isinstance(runner, SlotRunner):
            runner.mislead(0)
    gaps = torch.cat([_gap(model, session) for session in sessions])
    limit, kind = allowed_gap(model)
    worst = (gaps.max() if kind == "largest" else gaps.mean()).item()
    if worst <= limit:
        return None
    return f"in a trial of {length} tokens its log-probabilities were {worst:.2g} nats off ({kind})"


@dataclass(slots=True)
class _Session:
    """A context in ``slot``, and the logits that a runner gave behind its first so many tokens."""

    slot: int
    tokens: list[int]
    laid: int = 0
    seen: list[tuple[int, torch.Tensor]] = field(default_factory=list)

    def feed(self, until: int) -> Feed:
        """The tokens from where the slot ends up to ``until``."""
        return Feed(self.slot, self.laid, self.tokens[self.laid : until])

    def take(self, logits: torch.Tensor, until: int) -> None:
        """Note what came after ``until`` tokens; what follows a whole context is written greedily."""
        self.laid = until
        self.seen.append((until, logits))
        if until == len(self.tokens):
            self.tokens.append(int(logits.argmax()))


def _play(runner: Runner, vocabulary: int, length: int, piece: int) -> list[_Session]:
    generator = torch.Generator().manual_seed(0)

    def words(count: int) -> list[int]:
        return torch.randint(vocabulary, (max(1, count),), generator=generator).tolist()

    def run(*parts: tuple[_Session, int]) -> None:
        logits = runner.forward([session.feed(until) for session, until in parts])
        for (session, until), row in zip(parts, logits, strict=True):
            session.take(row, until)

    closing, steps = min(_CLOSING, length // 4), min(_STEPS, length // 8)
    first = _Session(0, words(length - closing - 2 * steps - 2))
    second = _Session(1, words(min(len(first.tokens) // 2, SHORT)))
    whole = len(first.tokens)
    ends = [*range(0, whole, min(piece, -(-whole // 2)))[1:], whole]
    for end in ends[:-1]:
        run((first, end))
    run((first, ends[-1]), (second, len(second.tokens)))
    for _ in range(steps):
        run((first, len(first.tokens)), (second, len(second.tokens)))
    first.tokens += words(closing)  # as an engine feeds a closing: behind the token just written
    run((first, len(first.tokens)))
    for _ in range(steps):
        run((first, len(first.tokens)))
    run((second, len(second.tokens)))
    kept = whole // 2 if runner.reuses else 0
    third = _Session(0, [*first.tokens[:kept], *words(whole // 4)], laid=kept)
    sessions = [first, second, third]
    if runner.reuses:
        runner.copy(0, 2, kept)
        sessions.append(_Session(2, [*first.tokens[:kept], *words(whole // 4)], laid=kept))
    for session in sessions[2:]:
        run((session, len(session.tokens)))
        run((session, len(session.tokens)))
    return sessions


def _gap(model: PreTrainedModel, session: _Session) -> torch.Tensor:
    """|log p - log p of a plain pass| in nats, of the likeliest tokens at each place, float32 on the CPU."""
    expected = plain_logits(model, session.tokens[: session.laid], [until - 1 for until, _ in session.seen])
    found = torch.stack([logits for _, logits in session.seen]).float().log_softmax(-1)
    top = expected.topk(min(_LIKELIEST, expected.shape[-1]), dim=-1).indices
    return (found.gather(-1, top) - expected.gather(-1, top)).abs().flatten().nan_to_num(nan=math.inf).cpu()


@torch.no_grad()
def plain_logits(model: PreTrainedModel, tokens: Sequence[int], places: Sequence[int]) -> torch.Tensor:
    """Log-probabilities behind the tokens at ``places``, float32 [places, vocabulary], by one pass without a cache.

    Raises ``ModelError`` where they are not numbers, or the pass fails.
    """
    ids = torch.tensor([list(tokens)], device=model.device)
    where = torch.tensor(list(places), device=model.device)
    more = {"logits_to_keep": where} if takes(model, "logits_to_keep") else {}
    try:
        logits: torch.Tensor = model(input_ids=ids, use_cache=False, **more).logits[0]
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot compute {len(tokens)} tokens: {type(error).__name__}: {error}",
            hint="the model's own code fails on a plain forward pass: check its configuration, or use another model",
        ) from error
    if len(logits) != len(where):
        logits = logits[where]
    if bool(logits.isnan().any()) or bool((logits == torch.inf).any()):
        raise ModelError(
            f"the logits of {type(model).__name__} are not finite numbers",
            hint="its weights are damaged or their training diverged, or the precision is too low for it: try "
            "engine.dtype = 'float32'",
        )
    return logits.float().log_softmax(-1)
