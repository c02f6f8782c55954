"""What always stands at the end of an observation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
from mem1.types import Observation

TOKENIZER = CharTokenizer()


def show(budget: int, **parts: object) -> str:
    writer = BlockWriter(TOKENIZER, Tags(), budget + 2)  # the two tags are a token each
    text = writer(Observation.model_validate({"head": "", **parts})).text
    return text.removeprefix("<information>").removesuffix("</information>")


def test_a_page_is_cut_in_front_of_the_tail() -> None:
    assert show(100, head="Hi.", passages=("page",), tail="left: 3") == "Hi.\npage\nleft: 3"
    assert (
        show(14, passages=("a long page",), tail="left: 3") == "a long \nleft: "
    )  # half of it for the tail, as far as it goes
    assert show(20, passages=("a very long page",), tail="left: 3") == "a very long \nleft: 3"


def test_a_tail_gets_half_of_the_room_at_most() -> None:
    assert show(10, passages=("0123456789",), tail="abcdefghij") == "01234\nabcd"


@settings(deadline=None)
@given(budget=st.integers(1, 60), head=st.text(max_size=40), page=st.text(max_size=80), tail=st.text(max_size=80))
def test_the_budget_holds(budget: int, head: str, page: str, tail: str) -> None:
    writer = BlockWriter(TOKENIZER, Tags(), budget + 2)
    assert len(writer(Observation(head=head, passages=(page,), tail=tail)).token_ids) <= budget + 2
