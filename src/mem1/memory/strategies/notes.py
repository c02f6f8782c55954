"""Memory as a collection of notes with keywords and links, of which each turn is shown a few.

After A-MEM (arXiv 2502.12110): a note a turn, linked to the notes most like it; what fits the moment is retrieved, and
with it what is linked to that. The collection grows with the episode, the context does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from mem1.imports import Code, find
from mem1.memory.base import Ask, MemoryFactory, ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.side import Ids, SideTask
from mem1.memory.text.format import TurnFormat
from mem1.memory.turn_memory import TurnMemory
from mem1.types import Completion, Observation

if TYPE_CHECKING:  # numpy is loaded by what is searched, not by reading a recipe
    from mem1.memory.index import Embed, Index

TAG, NOTE = "notes", "note"
INSTRUCTION = "Write a short note of what was looked up and found, then Keywords: and a few words to find it by."
_KEYWORDS = re.compile(r"keywords?\s*:", re.IGNORECASE)
_TAG = re.compile(r"</?\w+>")


@dataclass(frozen=True, slots=True)
class NotesSettings:
    """``notes``: tokens of the block of notes, tags included; ``note``: tokens of one note; ``top_k`` notes are
    retrieved, and up to ``links`` notes are linked to each when it is written."""

    notes: int
    note: int
    top_k: int
    links: int
    write: Literal["model", "turn"]
    instruction: str = INSTRUCTION


@dataclass(slots=True)
class Note:
    """What is remembered of one turn. ``links`` are numbers of notes like it, both ways."""

    text: str
    keywords: str
    links: list[int] = field(default_factory=list)


class NotesMemory(TurnMemory):
    """P, the notes that fit, the newest observation.

    The last turn's note is always among them; then come those that its text and the observation retrieve, best first,
    then those linked to them, as many as fit whole. Notes are neutralised like text from the world.

    Args:
        turn: The common form of a turn.
        settings: Sizes, and who writes a note: a side call, or the program from what stands in the turn.
        make_index: An empty index, by words or by embedding.

    Raises:
        ConfigError: The budget has no room beside the tags of the notes.
    """

    name = "notes"

    def __init__(self, turn: TurnFormat, settings: NotesSettings, make_index: Callable[[], Index]) -> None:
        super().__init__(turn)
        self._settings = settings
        self._make_index = make_index
        self._write = turn.writer(TAG, settings.notes, where="memory.notes")
        budgets = turn.budgets
        self._side = SideTask(
            purpose=NOTE,
            instruction=settings.instruction,
            tag=NOTE,
            budget=settings.note,
            material=budgets.state + budgets.action + budgets.observation,
        )
        self.forget()

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes so far, oldest first."""
        return tuple(self._notes)

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation, which is noted as it stands."""
        super().start(prompt, observation)
        if observation is not None:
            self._take(Note(self._cut(self._plain(self._newest)), keywords=""))

    def forget(self) -> None:
        """Nothing is noted yet."""
        self._notes: list[Note] = []
        self._index = self._make_index()
        self._block: Ids = ()
        self._written: Ids | None = None
        self._newest: Ids = ()

    async def prepare(self, ask: Ask) -> None:
        """Note the turn that was just taken and look up what fits the next."""
        if self._written is None:
            return
        turn, self._written = self._written + self._newest, None
        if self._settings.write == "model":
            text = await self._side(ask, self._turn.tokenizer, self._prompt, turn)
            self._take(_parsed(text))
        else:
            self._take(Note(self._cut(self._plain(turn)), keywords=""))
        self._block = self._shown()

    def carried(self) -> Ids:
        """The notes that fit, the newest observation."""
        return self._block + self._newest

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Keep what was written until it is noted."""
        self._written = completion.token_ids
        self._newest = ()

    def saw(self, shown: RenderedObservation) -> None:
        """Replace the newest observation."""
        self._newest = shown.token_ids

    def bound(self) -> int:
        """``notes + observation_budget + state_budget + action_budget``, or the call that writes a note if larger.

        That call is ``state_budget + action_budget + observation_budget + |instruction| + note``.
        """
        budgets = self._turn.budgets
        main = self._settings.notes + budgets.observation + budgets.state + budgets.action
        return max(main, self._side.limit(self._turn.tokenizer)) if self._settings.write == "model" else main

    def _take(self, note: Note) -> None:
        """Number, link and index a note."""
        number, text = len(self._notes), f"{note.text} {note.keywords}"
        note.links = self._index.search(text, self._settings.links)
        for other in note.links:
            self._notes[other].links.append(number)
        self._notes.append(note)
        self._index.add(text)

    def _shown(self) -> Ids:
        newest = len(self._notes) - 1
        query = f"{self._notes[newest].text} {self._plain(self._newest)}"
        found = self._index.search(query, self._settings.top_k, without=(newest,))
        linked = [other for number in found for other in self._notes[number].links]
        numbers = dict.fromkeys((newest, *found, *linked))
        texts = tuple(f"- {note.text}" for number in numbers if (note := self._notes[number]).text)
        return self._write(Observation(head="", passages=texts)).token_ids if texts else ()

    def _plain(self, ids: Ids) -> str:
        """Their text without any tags, on one line."""
        return " ".join(_TAG.sub(" ", self._turn.tokenizer.decode(ids)).split())

    def _cut(self, text: str) -> str:
        """The beginning of a text, in about as many tokens as a note may have, so that several fit the block."""
        ids = self._turn.tokenizer.encode(text)
        return text if len(ids) <= self._settings.note else self._turn.tokenizer.decode(ids[: self._settings.note])


def _parsed(text: str) -> Note:
    """What a model wrote as a note and its keywords; without any it is found by its own words."""
    body, *keywords = _KEYWORDS.split(text, maxsplit=1)
    return Note(" ".join(body.split()), " ".join(" ".join(keywords).split()))


class NotesMemoryConfig(MemoryConfig):
    """A note of each turn, linked to those like it; a few of them in ``notes`` tokens of every context.

    ``write``: "model" has each note written by a call of its own in at most ``note`` tokens, "turn" takes the words of
    the turn. ``top_k`` are retrieved, with up to ``links`` notes linked to each. ``embedder`` ("module:function", from
    a text to a list of numbers, imported only with ``--allow-imports``) retrieves by embedding; without one notes are
    found by their words (BM25).
    """

    rank: ClassVar[int] = 5

    type: Literal["notes"] = "notes"
    notes: int = Field(default=1000, gt=0)
    note: int = Field(default=100, gt=0)
    top_k: int = Field(default=5, ge=0)
    links: int = Field(default=2, ge=0)
    write: Literal["model", "turn"] = "model"
    embedder: Code | None = None
    instruction: str = INSTRUCTION

    @property
    def side_tokens(self) -> int:
        """A note, where a model writes them."""
        return self.note if self.write == "model" else 0

    def build(self) -> MemoryFactory:
        """A factory of ``NotesMemory``. Raises ``ConfigError`` where the embedder cannot be imported."""
        self._index_maker()
        return super().build()

    def make(self, turn: TurnFormat) -> NotesMemory:
        """A memory of notes."""
        settings = NotesSettings(self.notes, self.note, self.top_k, self.links, self.write, self.instruction)
        return NotesMemory(turn, settings, self._index_maker())

    def sized(self, tokens: int) -> Self:
        """With another block of notes, and notes of at most half of it."""
        return self._with(notes=tokens, note=max(1, min(self.note, tokens // 2)))

    def _index_maker(self) -> Callable[[], Index]:
        from mem1.memory.index import EmbeddingIndex, LexicalIndex

        if self.embedder is None:
            return LexicalIndex
        embed: Embed = find(self.embedder, where="memory.embedder", form="module:function")
        return lambda: EmbeddingIndex(embed)
