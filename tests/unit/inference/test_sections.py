"""Where sections end: by hand on characters, and against a slow reference on awkward tokenizers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.inference.base import Section, Tokenizer
from mem1.inference.sections import SectionTracker
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer, WordTokenizer
from mem1.types import Completion, FinishReason
from tests.unit.inference.bpe import bpe

PLAIN = CharTokenizer(control=())  # every tag spans as many tokens as it has characters
CONTROL = CharTokenizer()  # every tag is one token
FINAL = ("</search>", "</answer>")


def sections(tokenizer: Tokenizer, state: int = 30, action: int = 30) -> tuple[Section, ...]:
    closing = tuple(tokenizer.encode("</think>"))
    return (
        Section("state", ("</think>",), FINAL, state, closing),
        Section("action", (), FINAL, action),
    )


def write(tokenizer: Tokenizer, ids: list[int], parts: tuple[Section, ...], room: int | None = None) -> Completion:
    tracker = SectionTracker(tokenizer, parts, room)
    for token_id in ids:
        if tracker.feed(token_id, -0.5).finish is not None:
            break
    else:
        tracker.cut()
    return tracker.completion(7)


@pytest.mark.parametrize("tokenizer", [PLAIN, CONTROL])
def test_closing_tags_end_state_and_action(tokenizer: CharTokenizer) -> None:
    state, action = "<think>it is so</think>", "<search>x</search>"
    done = write(tokenizer, tokenizer.encode(state + action + " and more"), sections(tokenizer, state=31))
    ends = (len(tokenizer.encode(state)), len(tokenizer.encode(state + action)))
    assert tokenizer.decode(done.token_ids) == state + action
    assert (done.section_ends, done.finish, done.policy_version) == (ends, FinishReason.STOP, 7)
    assert all(done.sampled)
    assert set(done.logprobs) == {-0.5}


def test_final_stop_inside_the_state_ends_the_completion() -> None:
    done = write(PLAIN, PLAIN.encode("ab<search>x</search>cd</think>"), sections(PLAIN))
    assert PLAIN.decode(done.token_ids) == "ab<search>x</search>"
    assert (done.section_ends, done.finish) == ((20,), FinishReason.STOP)


def test_forced_closing_fills_the_budget_exactly() -> None:
    done = write(PLAIN, PLAIN.encode("y" * 100), sections(PLAIN, state=12, action=5))
    assert PLAIN.decode(done.token_ids) == "yyyy</think>yyyyy"
    assert done.sampled == (True,) * 4 + (False,) * 8 + (True,) * 5
    assert done.logprobs == (-0.5,) * 4 + (0.0,) * 8 + (-0.5,) * 5
    assert (done.section_ends, done.finish) == ((12, 17), FinishReason.LENGTH)


def test_forced_ids_are_announced_once() -> None:
    tracker = SectionTracker(CONTROL, sections(CONTROL, state=3, action=2))
    first, second = tracker.feed(CONTROL.encode("a")[0]), tracker.feed(CONTROL.encode("b")[0])
    assert (first.forced, first.section_ended, tracker.section.name) == ((), False, "action")
    assert (second.forced, second.section_ended, second.finish) == (tuple(CONTROL.encode("</think>")), True, None)
    assert (tracker.length, tracker.finish) == (3, None)


def test_a_stop_at_the_last_sampled_token_needs_no_forcing() -> None:
    done = write(CONTROL, CONTROL.encode("ab</think>c</search>"), sections(CONTROL, state=4, action=2))
    assert done.section_ends == (3, 5)
    assert all(done.sampled)
    assert done.finish is FinishReason.STOP


def test_a_partly_written_tag_does_not_count_across_the_border() -> None:
    done = write(PLAIN, PLAIN.encode("</thi" + "nk>x"), sections(PLAIN, state=13, action=4))
    assert PLAIN.decode(done.token_ids) == "</thi</think>nk>x"
    assert done.section_ends == (13, 17)


def test_end_of_text_is_kept_and_ends_everything() -> None:
    done = write(CONTROL, CONTROL.encode("<think>a<|end|>b"), sections(CONTROL))
    assert CONTROL.decode(done.token_ids) == "<think>a<|end|>"
    assert (done.section_ends, done.finish) == ((3,), FinishReason.EOS)


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (3, "yyy"),
        (4, "yyyy"),  # the forced tag would not fit any more
        (11, "yyyy"),
        (12, "yyyy</think>"),
        (14, "yyyy</think>yy"),
        (50, "yyyy</think>yyyyy"),
    ],
)
def test_the_room_of_the_context_is_never_exceeded(room: int, text: str) -> None:
    done = write(PLAIN, PLAIN.encode("y" * 100), sections(PLAIN, state=12, action=5), room)
    assert PLAIN.decode(done.token_ids) == text
    assert done.finish is FinishReason.LENGTH


def test_stops_beyond_ascii_are_found_among_partial_characters() -> None:
    tokenizer = ByteTokenizer(control=())
    done = write(tokenizer, tokenizer.encode("日a終わり x"), (Section("only", (), ("終わり",), 50),))
    assert tokenizer.decode(done.token_ids) == "日a終わり"
    assert done.finish is FinishReason.STOP


def test_broken_characters_do_not_hide_a_stop() -> None:
    tokenizer = ByteTokenizer(control=())
    broken = tokenizer.encode("日")[:2] * 20
    done = write(tokenizer, [*broken, *tokenizer.encode("</think>")], sections(tokenizer, state=60))
    assert done.section_ends[0] == len(broken) + 8


def test_a_token_that_closes_and_opens_belongs_to_the_state() -> None:
    tokenizer = bpe()
    ids = tokenizer.encode("</think><search>what</search>")
    done = write(tokenizer, ids, sections(tokenizer))
    state = tokenizer.decode(done.token_ids[: done.section_ends[0]])
    assert state.startswith("</think>")
    assert len(state) > len("</think>")  # the case this test is about
    assert tokenizer.decode(done.token_ids) == "</think><search>what</search>"


def test_cost_of_a_token_is_bounded() -> None:
    class Counting(CharTokenizer):
        longest = 0

        def decode(self, token_ids: object) -> str:
            assert isinstance(token_ids, list)
            self.longest = max(self.longest, len(token_ids))
            return super().decode(token_ids)

    tokenizer = Counting(control=())
    write(tokenizer, tokenizer.encode(">" * 5000), (Section("only", (), FINAL, 5000),))
    assert 0 < tokenizer.longest <= len("</answer>") + 3


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one section"):
        SectionTracker(PLAIN, ())
    with pytest.raises(ValueError, match="room"):
        SectionTracker(PLAIN, sections(PLAIN), room=0)
    with pytest.raises(ValueError, match="no room"):
        Section("state", (), (), 8, tuple(range(8)))


def slow_reference(tokenizer: Tokenizer, ids: list[int], parts: tuple[Section, ...]) -> tuple[list[int], list[int]]:
    """Tokens and section ends by decoding each section as a whole after every token."""
    written: list[int] = []
    ends: list[int] = []
    stream = iter(ids)
    for section in parts:
        start = len(written)
        while len(written) - start < section.budget - len(section.closing):
            token_id = next(stream, None)
            if token_id is None:
                return written, [*ends, len(written)]
            written.append(token_id)
            text = tokenizer.decode(written[start:])
            if token_id == tokenizer.eos_id or any(stop in text for stop in section.final_stops):
                return written, [*ends, len(written)]
            if any(stop in text for stop in section.stops):
                break
        else:
            written.extend(section.closing)
        ends.append(len(written))
    return written, ends


PIECES = [
    "</think>",
    "<think>",
    "</search>",
    "</",
    "think",
    ">",
    "><",
    "é",
    "日本",
    "👩‍👩‍👧",
    "x",
    " ",
    "\n",
    "<search>",
]
TOKENIZERS: list[Tokenizer] = [
    PLAIN,
    CONTROL,
    ByteTokenizer(control=()),
    ByteTokenizer(),
    WordTokenizer(control=()),
    bpe(),
]


@settings(max_examples=150, deadline=None)
@given(
    which=st.integers(0, len(TOKENIZERS) - 1),
    text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    noise=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=6),
    state=st.integers(12, 40),
    action=st.integers(1, 20),
)
def test_agrees_with_the_slow_reference(
    which: int, text: str, noise: list[tuple[int, int]], state: int, action: int
) -> None:
    tokenizer = TOKENIZERS[which]
    ids = tokenizer.encode(text)
    for position, token_id in noise:  # ids that no encoder would write: halves of characters
        if isinstance(tokenizer, ByteTokenizer):
            ids.insert(position % (len(ids) + 1), token_id)
    parts = sections(tokenizer, state, action)
    done = write(tokenizer, ids, parts)
    written, ends = slow_reference(tokenizer, ids, parts)
    assert list(done.token_ids) == written
    assert list(done.section_ends)[: len(ends)] == ends
    assert len(done.token_ids) <= state + action
