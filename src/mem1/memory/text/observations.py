"""How text that is not the policy's own enters a context: neutralised, wrapped in a tag, within a budget."""

from __future__ import annotations

from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.memory.base import RenderedObservation
from mem1.memory.text.neutralise import SafeEncoder
from mem1.memory.text.remembered import Remembered
from mem1.memory.text.tags import Tags
from mem1.types import Observation

_REMEMBERED = 1 << 19  # characters
_BROKEN = "\N{REPLACEMENT CHARACTER}"


class BlockWriter:
    """Writes ``<tag>head, passages</tag>`` in at most ``budget`` tokens, wrapper included.

    Head and passages stand on lines of their own. The head comes first and is shortened only when
    it alone exceeds the budget. Passages follow in order, whole, up to the first that does not
    fit; only if that is the very first one is it cut inside, by tokens. The tail stands on the last line.

    Args:
        tokenizer: The policy's.
        tags: The control tags; all are neutralised.
        budget: Tokens of the whole block.
        tag: The block's name, which no control tag may have; ``None``: the observation's.
        where: The budget's name in the configuration.
        actions: What else means something in what the policy writes; neutralised too.

    Raises:
        ConfigError: The budget has no room beside the wrapper, or the tag has another meaning.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        tags: Tags,
        budget: int,
        *,
        tag: str | None = None,
        where: str = "memory.budgets.observation",
        actions: tuple[str, ...] = (),
    ) -> None:
        name = tag if tag is not None else tags.observation
        control = (*tags.control_strings, *actions)
        if tag is not None and tags.opening(tag) in control:
            raise ConfigError(
                f"the memory writes a block named {tag!r}, which is a tag of the policy's",
                where="memory.tags",
                hint="give the policy's tag another name",
            )
        self._tokenizer = tokenizer
        # The same passages are found again and again, by the episodes of a group above all.
        self._encode = Remembered(SafeEncoder(tokenizer, control), _REMEMBERED)
        self._opening = tuple(tokenizer.encode(tags.opening(name)))
        self._closing = tuple(tokenizer.encode(tags.closing(name)))
        self._room = budget - len(self._opening) - len(self._closing)
        if self._room <= 0:
            raise ConfigError(
                f"{budget} tokens of {name} have no room beside tags of {budget - self._room}",
                where=where,
                hint=f"give it more than {budget - self._room} tokens",
            )

    def __call__(self, observation: Observation) -> RenderedObservation:
        """The block's text and ids as they will stand in the context."""
        # What always stands at the end gets its place first, though not more than half of it.
        tail = self._cut(self._encode("\n" + observation.tail), self._room // 2) if observation.tail else ()
        body = list(self._cut(self._encode(observation.head), self._room - len(tail)))
        for index, passage in enumerate(observation.passages):
            room = self._room - len(tail) - len(body)
            ids = self._encode("\n" + passage if body else passage)
            if len(ids) <= room:
                body += ids
                continue
            if index == 0:
                body += self._cut(ids, room)
            break
        token_ids = (*self._opening, *body, *tail, *self._closing)
        return RenderedObservation(text=self._tokenizer.decode(token_ids), token_ids=token_ids)

    def _cut(self, ids: tuple[int, ...], room: int) -> tuple[int, ...]:
        """The first ``room`` ids, less those of a character that the cut would split."""
        if len(ids) <= room:
            return ids
        for end in range(room, max(room - 4, 0), -1):
            if not self._tokenizer.decode(ids[max(end - 4, 0) : end]).endswith(_BROKEN):
                return ids[:end]
        return ids[:room]  # the text itself holds the sign for broken characters
