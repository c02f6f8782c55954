"""What a search shows as the published clients show it, byte for byte, so that their checkpoints see what they know.

Sources: PeterGriffinJin/Search-R1 (``llm_agent/generation.py``) and MIT-MI/MEM1 (``generation_think.py`` for training,
``data_pipelines.py`` for inference). All cut a passage's ``contents`` at the first line break, so that a title keeps
the quotes in which the corpus has it; they differ in the hint and in the line breaks around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mem1.retrieval.base import Hit
from mem1.types import Observation

Published = Literal["search_r1", "mem1_released", "mem1_inference"]


def published_hint(form: Published, left: int) -> str:
    """How many turns are left, as the client says it; Search-R1's says nothing."""
    if form == "search_r1" or (form == "mem1_released" and left < 1):
        return ""
    if left > 1:
        return f"[HINT]You have {left} turns left.[/HINT]"
    if form == "mem1_released":
        return "[HINT]You have 1 turn left. You must answer the question in the next turn.[/HINT]"
    return f"[HINT]You have {left} turn left. You must answer the question now.[/HINT]"


def published_observation(form: Published, hits: Sequence[Hit], left: int) -> Observation:
    """What stands between the tags of an observation, in the parts of which an ``Observation`` is put together."""
    lines = [_line(i, hit) for i, hit in enumerate(hits, start=1)]
    hint = published_hint(form, left)
    if form == "mem1_inference":
        return Observation(head=f"\n{hint}", passages=tuple(lines), tail="\n")
    if lines:
        lines[-1] = lines[-1].rstrip()  # they strip the whole
    if form == "search_r1":
        return Observation(head="", passages=tuple(lines))
    return Observation(head=f"{hint}\n" if lines else f"{hint}\n\n", passages=tuple(lines))


def _line(number: int, hit: Hit) -> str:
    title, _, text = str(hit.passage.document()["contents"]).partition("\n")
    return f"Doc {number}(Title: {title}) {text}"
