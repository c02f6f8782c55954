"""The whole question is found in prompts of others, and nothing but the question."""

from __future__ import annotations

import pytest

from mem1.tasks.files.prompts import find_questions

SEARCH_R1 = (
    "Answer the given question. You must conduct reasoning inside <think> first. If you find no further knowledge "
    "needed, you can provide the answer inside <answer>. For example, <answer> Beijing </answer>. Question: "
)
MEM1 = (
    "You will answer multiple questions.\n\nImportant:\n- Do not search two questions at once.\n\n"
    "Answer the following questions: "
)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (f"{SEARCH_R1}who sings it?\n", "who sings it?"),
        (
            f"{SEARCH_R1}who asks the question in Quiz Night: Final Round?\n",
            "who asks the question in Quiz Night: Final Round?",
        ),
        (f"{SEARCH_R1}Which question: one or two?", "Which question: one or two?"),
        (f"{SEARCH_R1}Who said: The Question: is it?", "Who said: The Question: is it?"),
        (f"{SEARCH_R1}Is it A?; B is what?", "Is it A?; B is what?"),
        (f"{SEARCH_R1}a; b", "a; b"),
        ("Answer the question: think first. Question: Which question: one or two?", "Which question: one or two?"),
        ("Question: Who hosts 'The Big Question: Live'?", "Who hosts 'The Big Question: Live'?"),
        ("Question: Who?\nThink step by step and answer in tags.", "Who?"),
        ("Question: Who painted it? Please answer in tags.", "Who painted it?"),
        ("Question: Who?\n\nAnswer in tags.", "Who?"),
        ("Question: The barn is red.\nWho painted it?\nAnswer in tags.", "The barn is red.\nWho painted it?"),
        ("Question: Which one?\nA) Ana\nB) Anna", "Which one?\nA) Ana\nB) Anna"),
        ("Question: one?\nAnswer: x\n\nQuestion: two?\nAnswer:", "two?"),
        ("请回答。问题：谁画了谷仓？", "谁画了谷仓？"),
        ("回答以下问题：谁？", "谁？"),
        ("質問：誰ですか？", "誰ですか？"),
        ("Responde.\nPregunta: ¿Quién?", "¿Quién?"),
        ("**Question:** Who?", "Who?"),
        ("Q: who", "who"),
        ("Solve this question: who?", "who?"),
    ],
)
def test_the_whole_question_and_no_more(text: str, question: str) -> None:
    assert find_questions(text, 1) == [question]


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        (f"{MEM1}who was x; y or z?; where?\n", ["who was x; y or z?", "where?"]),
        (f"{MEM1}who?; where?\nThink first.", ["who?", "where?"]),
        (f"{MEM1}谁？；在哪里？", ["谁？", "在哪里？"]),
        ("Questions: 1. who?\n2. where?", None),
        ("Answer these questions:\n1. who is it?\n2. where is it?", ["who is it?", "where is it?"]),
        (f"{MEM1}who asks the question: what?; where?", ["who asks the question: what?", "where?"]),
    ],
)
def test_several_questions_are_parted_where_one_ends(text: str, questions: list[str] | None) -> None:
    assert find_questions(text, 2) == (questions or ["who?", "where?"])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("no mark at all", 1),
        ("Question:", 1),
        ("Question: who painted it\nThink step by step.", 1),  # where the question ends is not plain
        ("Question: Which?\nThink first.\nA) Ana\nB) Anna", 1),
        (f"{MEM1}who?; where?", 3),
        (f"{MEM1}who?", 2),
    ],
)
def test_what_is_not_plain_is_not_guessed(text: str, count: int) -> None:
    assert find_questions(text, count) is None
