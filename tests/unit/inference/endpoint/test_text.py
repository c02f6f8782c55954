"""Which stop string a server cut off, and what is sent to it."""

from __future__ import annotations

import json

import pytest

from mem1.http.errors import BadAnswerError
from mem1.inference.endpoint.answers import ChatAnswer, TextChoice, read_answer
from mem1.inference.endpoint.errors import FilteredError
from mem1.inference.endpoint.text import choose_stops, ended_by, messages, restore_stop, text_of

SENT = ("</search>", "</answer>")
KNOWN = ("</think>", *SENT)


def choice(text: str, finish: str = "stop", **more: object) -> TextChoice:
    return TextChoice.model_validate({"text": text, "finish_reason": finish, **more})


@pytest.mark.parametrize(
    ("found", "whole", "ended"),
    [
        (choice("<search>Lima", stop_reason="</search>"), "<search>Lima</search>", False),
        (choice("<search>Lima</search>", stop_reason="</search>"), "<search>Lima</search>", False),
        (choice("<search>Lima", matched_stop="</search>"), "<search>Lima</search>", False),
        (choice("<search>Lima", stop_reason=None), "<search>Lima", True),  # the end of the text, and it says so
        (choice("<search>Lima", stop_reason=2), "<search>Lima", True),  # the id of an end of text
        (choice("<search>Lima"), "<search>Lima</search>", False),  # not a word: the tag left open tells
        (choice("<think>a</think><answer>Lima"), "<think>a</think><answer>Lima</answer>", False),
        (choice("<think>I should <search> it</think>"), "<think>I should <search> it</think>", True),
        (choice("<think>a"), "<think>a", True),  # that string was not sent
        (choice("<answer>x</answer> and more"), "<answer>x</answer> and more", False),
        (choice("nothing"), "nothing", True),
        (choice("<search>Li", "length"), "<search>Li", False),
        (choice("<search>Lima", "length", stop_reason=None), "<search>Lima", False),
    ],
)
def test_only_what_was_stopped_at_is_restored(found: TextChoice, whole: str, ended: bool) -> None:
    assert restore_stop(text_of(found), found, SENT, KNOWN) == (whole, ended)


def test_a_tag_opened_in_an_earlier_call() -> None:
    found = choice("of Peru")
    assert restore_stop("of Peru", found, SENT, KNOWN, "<search>capital ") == ("of Peru</search>", False)
    assert restore_stop("of Peru", found, SENT, KNOWN, "<search>a</search>") == ("of Peru", True)


def test_those_that_the_prompt_shows_come_first() -> None:
    stops = ("</search>", "</open>", "</click>", "</answer>")
    assert choose_stops(stops, 2, "write <search> x </search> or <answer> y </answer>") == ("</search>", "</answer>")
    assert choose_stops(stops, 4, "") == stops
    assert choose_stops(stops, 0, "") == ()


def test_a_chat_that_is_gone_on_with() -> None:
    chat, more = messages("P", "<information>", "<think>", "state", continues=True)
    assert chat == [{"role": "user", "content": "P"}, {"role": "assistant", "content": "<information><think>"}]
    assert more == {"continue_final_message": True, "add_generation_prompt": False}
    assert messages("P", "", "", "state", continues=True) == ([{"role": "user", "content": "P"}], {})


def test_a_chat_in_one_message() -> None:
    assert messages("P\n", "carried", "", "state", continues=False) == (
        [{"role": "user", "content": "P\ncarried"}],
        {},
    )
    ((message,), _) = messages("P\n", "carried", "begun</think>", "action", continues=False)
    assert message["content"] == "P\ncarriedbegun</think>\n\nGo on exactly where this ends, with the action alone."


def test_what_is_no_completion() -> None:
    with pytest.raises(FilteredError, match="content_filter"):
        ended_by(choice("x", "content_filter"))
    with pytest.raises(BadAnswerError, match="tool_calls"):
        ended_by(choice("x", "tool_calls"))
    body = '{"choices": [{"finish_reason": "stop", "message": {"content": null, "refusal": "I may not"}}]}'
    with pytest.raises(BadAnswerError, match="a refusal: I may not"):
        text_of(read_answer(ChatAnswer, json.loads(body)).choices[0])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('{"choices": []}', "choices: .*at least 1"),
        ('{"error": {"message": "x"}}', "choices: Field required"),
        ('{"choices": [{"finish_reason": "stop"}]}', "choices.0.message: Field required"),
    ],
)
def test_the_field_that_is_wrong_is_named(body: str, what: str) -> None:
    with pytest.raises(BadAnswerError, match=what):
        read_answer(ChatAnswer, json.loads(body))
