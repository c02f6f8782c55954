"""What the expert writes, word for word, and that it answers what was found and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence

import pytest

from mem1.envs.qa import QaEnvConfig
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.inference.scripted.pages import Pages
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.retrieval.base import Hit, Passage, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import compose, make_task
from mem1.tasks.delayed import delayed
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.numbering import holding
from mem1.types import Composition, Episode, Objective, Task, calls
from tests.unit.tasks.countries import small_world


def objective(name: str) -> Objective:
    """A question of the small world, by the end of its id."""
    return next(o for split in ("train", "test") for o in small_world().objectives(split) if o.id == f"small/{name}")


def task(*names: str, composition: Composition = Composition.PARALLEL) -> Task:
    return make_task([objective(name) for name in names], composition, "train")


def script(of: Task, *observations: str, pages: Pages = "rewritten") -> list[str]:
    """What the expert writes when it is shown these observations, one after the other."""
    expert = Expert(pages=pages)
    expert.enlist("s", of)
    written: list[str] = []
    for shown in ("", *observations):
        page = written[-1] if pages == "rewritten" and written else " ".join(written)
        written.append(expert("s", f"P{page}<information>{shown}</information>"))
    return written


# ---------------------------------------------------------------- what is written


def test_one_question_by_hand() -> None:
    assert script(task("Peru/capital"), "Doc 1(Title: Peru) capital: Lima;") == [
        "<think>|?(1) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) Lima;?(2) Answer all.</think><answer>(1) Lima;</answer>",
    ]


THREE = ("Peru/capital", "China/internet code", "Ghana/capital")


def test_parallel_by_hand() -> None:
    """The page gathers what was found, under the questions' numbers; one answer comes at the end."""
    assert script(task(*THREE), "Lima", "nothing", "ACCRA") == [
        "<think>|?(1) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) Lima;?(2) internet code of China</think><search> internet code of China</search>",
        "<think> internet code: unknown|(1) Lima;(2) unknown;?(3) capital of Ghana</think>"
        "<search> capital of Ghana</search>",
        "<think> capital: Accra|(1) Lima;(2) unknown;(3) Accra;?(4) Answer all.</think>"
        "<answer>(1) Lima;(2) unknown;(3) Accra;</answer>",
    ]


def test_parallel_with_edits_by_hand() -> None:
    """Only what is added and struck is written; the answer lists everything."""
    assert script(task(*THREE), "Lima", "nothing", "ACCRA", pages="edited") == [
        "<think>=\n+?(1) capital of Peru</think><search> capital of Peru</search>",
        "<think>= capital: Lima\n-?\n+(1) Lima\n+?(2) internet code of China</think>"
        "<search> internet code of China</search>",
        "<think>= internet code: unknown\n-?\n+(2) unknown\n+?(3) capital of Ghana</think>"
        "<search> capital of Ghana</search>",
        "<think>= capital: Accra\n-?\n+(3) Accra\n+?(4) Answer all.</think>"
        "<answer>(1) Lima;(2) unknown;(3) Accra;</answer>",
    ]


def test_parallel_with_edits_and_a_quote_by_hand() -> None:
    """The page is edited alike, and the sign stands for the list."""
    edited, quoted = (script(task(*THREE), "Lima", "nothing", "ACCRA", pages=pages) for pages in ("edited", "quoted"))
    assert quoted[:-1] == edited[:-1]
    assert quoted[-1] == ("<think>= capital: Accra\n-?\n+(3) Accra\n+?(4) Answer all.</think><answer>=</answer>")


def test_parallel_where_earlier_turns_stay_in_context_by_hand() -> None:
    """Each value is written once, under its number, and never copied."""
    assert script(task(*THREE[:2]), "Lima", ".cn", pages="noted") == [
        "<think>|?(1) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) Lima;?(2) internet code of China</think><search> internet code of China</search>",
        "<think> internet code: .cn|(2) .cn;?(3) Answer all.</think><answer>(1) Lima;(2) .cn;</answer>",
    ]


def summarised(of: Task, *observations: str, expert: Expert) -> list[str]:
    """What the expert writes in turns and, between them, as summaries of a memory that keeps nothing else."""
    expert.enlist("s", of)
    written, summary, shown = [], "", ""
    for result in observations:
        context = f"P<summary>{summary}</summary>{shown}"
        written.append(expert("s", context))
        written.append(expert("s", f"{context}{written[-1]}\nSum up.\n<summary>"))
        summary = written[-1].removesuffix("</summary>")
        shown = f"<information>{result}</information>"
    return [*written, expert("s", f"P<summary>{summary}</summary>{shown}")]


def test_summaries_by_hand() -> None:
    """A turn writes what is new, the summary lists everything and what is looked up; no turn is counted for it."""
    expert = Expert(pages="noted")
    assert summarised(task(*THREE), "Lima", "nothing", "ACCRA", expert=expert) == [
        "<think>|?(1) capital of Peru</think><search> capital of Peru</search>",
        "|?(1) capital of Peru</summary>",
        "<think> capital: Lima|(1) Lima;?(2) internet code of China</think><search> internet code of China</search>",
        "|(1) Lima;?(2) internet code of China</summary>",
        "<think> internet code: unknown|(2) unknown;?(3) capital of Ghana</think><search> capital of Ghana</search>",
        "|(1) Lima;(2) unknown;?(3) capital of Ghana</summary>",
        "<think> capital: Accra|(3) Accra;?(4) Answer all.</think><answer>(1) Lima;(2) unknown;(3) Accra;</answer>",
    ]
    assert expert.slipped == expert.slipped_calls == {}


def test_summaries_of_questions_without_numbers_by_hand() -> None:
    """What was answered is not kept; behind an answer there is nothing to keep at all."""
    both = task("Peru/capital", "Ghana/capital", composition=Composition.SEQUENTIAL)
    written = summarised(both, "Lima", "Question: ...", "Accra", expert=Expert(pages="noted"))
    assert written[1::2] == ["? capital of Peru</summary>", "</summary>", "? capital of Ghana</summary>"]
    assert written[6] == "<think> capital: Accra</think><answer> Accra</answer>"


def test_a_value_that_a_cut_summary_lost_is_in_no_later_one() -> None:
    expert = Expert(pages="noted")
    expert.enlist("s", task("Peru/capital", "Ghana/capital"))
    expert("s", "P")
    assert expert("s", "P<information>Lima</information>").startswith("<think> capital: Lima|(1) Lima;?(2)")
    assert expert("s", "P|(1) Lima;?(2) ...\n<summary>") == "|(1) Lima;?(2) capital of Ghana</summary>"
    assert expert("s", "P<summary>|(1</summary><information>Accra</information>").endswith(
        "<answer>(2) Accra;</answer>"
    )


def test_a_spoiled_summary_is_put_in_order_by_the_next() -> None:
    """Every list is spoiled here: an item stands twice or elsewhere, and what was not spoiled follows from the rest."""
    expert = Expert(pages="noted", slips=1.0)
    written = summarised(task(*THREE), "Lima", ".cn", "Accra", expert=expert)
    assert written[3] == "|(1) Lima;(1) Lima;?(2) internet code of China</summary>"
    assert written[5] != "|(1) Lima;(2) .cn;?(3) capital of Ghana</summary>"
    assert expert.slipped_calls == {"s": {2, 3}}, "the calls in front of the third and the fourth turn"
    assert written[6].endswith("<answer>(1) Lima;(2) .cn;(3) Accra;</answer>")


DELAYED = ("Peru/capital", "China/capital>internet code", "Ghana/capital")


def test_delayed_by_hand() -> None:
    """An answer is kept until it was asked again, two questions later."""
    asked = make_task(delayed([objective(name) for name in DELAYED], 2), Composition.DELAYED, "train")
    shown = ("Lima", "Question: (2)", "China", ".cn", "Question: (3)", "Accra")
    assert script(asked, *shown) == [
        "<think>|?(1) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) Lima;</think><answer> Lima</answer>",
        "<think>|(1) Lima;?(2) internet code of the country whose capital is Beijing</think>"
        "<search> country whose capital is Beijing</search>",
        "<think> country: China|(1) Lima;?(2) internet code of China</think><search> internet code of China</search>",
        "<think> internet code: .cn|(1) Lima;(2) .cn;</think><answer> .cn</answer>",
        "<think>|(1) Lima;(2) .cn;?(3) capital of Ghana, (1)</think><search> capital of Ghana</search>",
        "<think> capital: Accra|(1) Lima;(2) .cn;(3) Accra;</think><answer> Accra, (1) Lima</answer>",
    ]
    assert script(asked, *shown, pages="edited")[4:] == [
        "<think>= internet code: .cn\n-?\n+(2) .cn</think><answer> .cn</answer>",
        "<think>=\n+?(3) capital of Ghana, (1)</think><search> capital of Ghana</search>",
        "<think>= capital: Accra\n-?\n-(1)\n+(3) Accra</think><answer> Accra, (1) Lima</answer>",
    ]


def test_what_was_asked_again_leaves_the_rewritten_page_with_the_next_question() -> None:
    names = ("Peru/capital", "Ghana/capital", "China/internet code")
    asked = make_task(delayed([objective(name) for name in names], 1), Composition.DELAYED, "train")
    written = script(asked, "Lima", "Question: (2)", "Accra", "Question: (3)", ".cn")
    assert written[3].startswith("<think> capital: Accra|(1) Lima;(2) Accra;</think>")
    assert written[4].startswith("<think>|(2) Accra;?(3) internet code of China, (2)</think>")


def test_what_does_not_stand_in_the_context_any_more_is_lost() -> None:
    """The page was cut: the first value is in no context, and the answer leaves it out."""
    expert = Expert()
    expert.enlist("s", task("Peru/capital", "Ghana/capital"))
    expert("s", "P")
    expert("s", "P<think>|?(1) capital of Peru</think><information>Lima</information>")
    last = expert("s", "P<think> capital: Lima|(1</think><information>Accra</information>")
    assert last.endswith("<answer>(2) Accra;</answer>")


def test_sequential_by_hand() -> None:
    """Each answer is given when it is found, and nothing of it is carried on."""
    both = task("Peru/capital", "Ghana/capital", composition=Composition.SEQUENTIAL)
    assert script(both, "Lima", "Question: What is the capital of Ghana?", "Accra") == [
        "<think> ? capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima</think><answer> Lima</answer>",
        "<think> ? capital of Ghana</think><search> capital of Ghana</search>",
        "<think> capital: Accra</think><answer> Accra</answer>",
    ]


CUT = "Turns left: 2. No action was taken: the answer tag is not closed"


def test_an_answer_that_was_cut_off_is_given_again_until_the_next_question_is_asked() -> None:
    both = task("Peru/capital", "Ghana/capital", composition=Composition.SEQUENTIAL)
    given = "<think> capital: Lima</think><answer> Lima</answer>"
    assert script(both, "Lima", CUT, CUT, "Turns left: 4. Question: What is the capital of Ghana?", "Accra") == [
        "<think> ? capital of Peru</think><search> capital of Peru</search>",
        *[given] * 3,
        "<think> ? capital of Ghana</think><search> capital of Ghana</search>",
        "<think> capital: Accra</think><answer> Accra</answer>",
    ]


def test_an_answer_that_can_be_read_nowhere_any_more_is_given_again_as_unknown() -> None:
    expert = Expert()
    expert.enlist("s", task("Peru/capital", "Ghana/capital", composition=Composition.SEQUENTIAL))
    expert("s", "P<information>Question: ...</information>")
    expert("s", "P<information>Lima</information>")
    assert expert("s", f"P<think> cap</think><information>{CUT}</information>").endswith("<answer> unknown</answer>")


@pytest.mark.parametrize("composition", [Composition.SEQUENTIAL, Composition.CHAINED])
def test_where_the_turns_of_a_question_ran_out_the_next_one_is_looked_up(composition: Composition) -> None:
    """What is shown then is the next question, and not what was searched for: no value, and no missing one either."""
    asked = task("China/capital>internet code", "Ghana/capital", composition=composition)
    assert script(asked, "China", "Turns left: 2. Question: What is the capital of Ghana?", "Accra")[2:] == [
        "<think> ? capital of Ghana</think><search> capital of Ghana</search>",
        "<think> capital: Accra</think><answer> Accra</answer>",
    ]


def test_a_delayed_answer_that_was_cut_off_changes_the_page_once() -> None:
    """What it strikes is gone, so that the answer asked again cannot be read a second time where pages are edited."""
    names = ("Peru/capital", "Ghana/capital", "Brazil/capital")
    asked = make_task(delayed([objective(name) for name in names], 1), Composition.DELAYED, "train")
    shown = ("Lima", "Question: (2)", "Accra", CUT, "Question: (3)", "Brasília")
    assert (
        script(asked, *shown)[3:5]
        == ["<think> capital: Accra|(1) Lima;(2) Accra;</think><answer> Accra, (1) Lima</answer>"] * 2
    )
    assert script(asked, *shown, pages="edited")[3:] == [
        "<think>= capital: Accra\n-?\n-(1)\n+(2) Accra</think><answer> Accra, (1) Lima</answer>",
        "<think>= capital: Accra</think><answer> Accra, (1) unknown</answer>",
        "<think>=\n+?(3) capital of Brazil, (2)</think><search> capital of Brazil</search>",
        "<think>= capital: Brasília\n-?\n-(2)\n+(3) Brasília</think><answer> Brasília, (2) Accra</answer>",
    ]


def test_two_hops_by_hand() -> None:
    """First who is meant, then what is asked; the country is on the page while it is needed."""
    one = task("China/capital>internet code", composition=Composition.SEQUENTIAL)
    assert script(one, "country: China; capital: Beijing;", "internet code: .cn;") == [
        "<think> ? internet code of the country whose capital is Beijing</think>"
        "<search> country whose capital is Beijing</search>",
        "<think> country: China ? internet code of China</think><search> internet code of China</search>",
        "<think> internet code: .cn</think><answer> .cn</answer>",
    ]


def test_a_country_that_is_not_needed_any_more_leaves_the_page() -> None:
    both = task("China/capital>internet code", "Peru/capital")
    assert script(both, "China", ".cn", "Lima")[1:] == [
        "<think> country: China|?(1) internet code of China</think><search> internet code of China</search>",
        "<think> internet code: .cn|(1) .cn;?(2) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) .cn;(2) Lima;?(3) Answer all.</think><answer>(1) .cn;(2) Lima;</answer>",
    ]


def test_two_hops_whose_first_is_not_found() -> None:
    """There is nothing to look up then: the answer is unknown at once, and the next question's turn comes."""
    both = task("China/capital>internet code", "Peru/capital")
    assert script(both, "nothing", "Lima") == [
        "<think>|?(1) internet code of the country whose capital is Beijing</think>"
        "<search> country whose capital is Beijing</search>",
        "<think> country: unknown|(1) unknown;?(2) capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima|(1) unknown;(2) Lima;?(3) Answer all.</think><answer>(1) unknown;(2) Lima;</answer>",
    ]


def test_chained_by_hand() -> None:
    """The previous answer stands in the query."""
    first = objective("Peru/longest border")
    following = objective("Brazil/capital").model_copy(
        update={
            "question": "What is the capital of the previous answer?",
            "standalone": "What is the capital of Brazil?",
        }
    )
    chain = make_task([first, following], Composition.CHAINED, "train")
    assert script(chain, "Brazil", "Question: ...", "Brasília") == [
        "<think> ? longest border of Peru</think><search> longest border of Peru</search>",
        "<think> longest border: Brazil</think><answer> Brazil</answer>",
        "<think> ? capital of Brazil</think><search> capital of Brazil</search>",
        "<think> capital: Brasília</think><answer> Brasília</answer>",
    ]


def test_questions_of_a_dataset() -> None:
    """Without metadata the question itself is looked up, and the note has no label."""
    plain = Objective(id="q", question="who wrote Emma?", answers=("Austen", "Jane Austen"), source="nq")
    one = make_task([plain], Composition.SEQUENTIAL, "train")
    assert script(one, "Turns left: 5.\nDoc 1(Title: Emma) by jane AUSTEN") == [
        "<think> ? who wrote Emma</think><search> who wrote Emma</search>",
        "<think> Austen</think><answer> Austen</answer>",
    ]


@pytest.mark.parametrize(
    ("answers", "shown", "given"),
    [
        (("no",), "Turns left: 4.\nDoc 1(Title: A) nothing in November", "unknown"),
        (("no",), "Turns left: 4.\nDoc 1(Title: A) he said No.", "no"),
        (("4",), "Turns left: 4.\nDoc 1(Title: A) in 1994", "unknown"),
        (("4",), "Turns left: 4.\nDoc 1(Title: A) all 4 of them", "4"),
        (("1",), "Turns left: 3.\nDoc 1(Title: A) none", "unknown"),
        (("a; b", "The Beatles"), "Turns left: 4.\nDoc 1(Title: A) a; b by Beatles", "The Beatles"),
        (("a; b",), "Turns left: 4.\nDoc 1(Title: A) a; b", "unknown"),
        (("Lima",), "Turns left: 4. Nothing was found.", "unknown"),
    ],
)
def test_answers_of_a_dataset_are_whole_words_of_a_passage(answers: tuple[str, ...], shown: str, given: str) -> None:
    plain = Objective(id="q", question="q?", answers=answers, source="nq")
    assert script(make_task([plain], Composition.PARALLEL, "train"), shown)[1].endswith(
        f"<answer>(1) {given};</answer>"
    )


def test_only_the_newest_observation_counts() -> None:
    expert = Expert()
    expert.enlist("s", task("Peru/capital"))
    expert("s", "capital of Peru? Lima")
    assert expert("s", "Lima<information>Lima</information>old<information>none</information>").endswith(
        "<answer>(1) unknown;</answer>"
    )


def test_an_expert_that_knows_writes_what_it_was_not_shown_and_says_where() -> None:
    asked = make_task([objective("Peru/capital"), objective("Ghana/capital")], Composition.PARALLEL, "train")
    expert = Expert(knows=True)
    expert.enlist("s", asked)
    written = [expert("s", context) for context in ("", "nothing", "(1) Lima <information>Accra")]
    assert written[1] == (
        "<think> capital: Lima|(1) Lima;?(2) capital of Ghana</think><search> capital of Ghana</search>"
    )
    assert written[2].endswith("<answer>(1) Lima;(2) Accra;</answer>")
    assert expert.slipped == {"s": {1}}


def test_the_turns_of_questions_that_are_not_listed_are_left_out() -> None:
    """The turn that reads the last held value asks the first question that is listed: it is imitated."""
    names = ("Peru", "Ghana", "Brazil")
    asked = make_task([objective(f"{name}/capital") for name in names], Composition.PARALLEL, "train")
    asked, expert = holding(asked, 2), Expert()
    expert.enlist("s", asked)
    for context in (
        "",
        "<information>Lima",
        "(1) Lima <information>Accra",
        "(1) Lima;(2) Accra; <information>Brasília",
    ):
        written = expert("s", context)
    assert written.endswith("<answer>(1) Lima;(2) Accra;(3) Brasília;</answer>")
    assert expert.slipped == {"s": {0, 1}}


def lapsing(of: Task, *observations: str, keeps: bool, acts: bool = False) -> tuple[Expert, list[str]]:
    """What an expert writes with a lapse in its second turn only: a value is kept or not, an action taken or not."""
    for seed in range(400):
        expert = Expert(pages="edited", lapses=0.5, seed=seed)
        expert.enlist("s", of)
        written: list[str] = []
        for shown in ("", *observations):
            written.append(expert("s", f"{' '.join(written)}<information>{shown}</information>"))
        if expert.slipped == {"s": {1}} and ("+(1) " in written[1], "<search>" in written[1]) == (keeps, acts):
            return expert, written
    raise AssertionError("no seed")


NOTHING = "No action was taken: nothing was written where an action was due"


def test_after_a_turn_in_which_nothing_was_done_the_question_is_given_up() -> None:
    asked = task("Peru/capital", "Ghana/capital")
    expert, written = lapsing(asked, "capital: Lima;", NOTHING, "capital: Accra;", keeps=False)
    assert re.fullmatch(r"<think>= capital: (capital|of|Peru)\w*</search>", written[1])
    assert written[2:] == [
        "<think>= capital: unknown\n-?\n+(1) unknown\n+?(2) capital of Ghana</think><search> capital of Ghana</search>",
        "<think>= capital: Accra\n-?\n+(2) Accra\n+?(3) Answer all.</think><answer>(1) unknown;(2) Accra;</answer>",
    ]
    assert expert.given_up == {"s": 1}


def test_after_nonsense_was_kept_the_next_question_is_asked() -> None:
    asked = task("Peru/capital", "Ghana/capital")
    expert, written = lapsing(asked, "capital: Lima;", NOTHING, "capital: Accra;", keeps=True)
    assert re.fullmatch(r"<think>= capital: (\w+)\n-\?\n\+\(1\) \1</think></search>", written[1])
    kept = written[1].partition("+(1) ")[2].removesuffix("</think></search>")
    assert written[2:] == [
        "<think>=\n+?(2) capital of Ghana</think><search> capital of Ghana</search>",
        f"<think>= capital: Accra\n-?\n+(2) Accra\n+?(3) Answer all.</think><answer>(1) {kept};(2) Accra;</answer>",
    ]
    assert expert.given_up == {"s": 1}


def test_after_nonsense_was_kept_last_the_answer_is_given() -> None:
    expert, written = lapsing(task("Peru/capital"), "capital: Lima;", NOTHING, keeps=True)
    kept = written[1].partition("+(1) ")[2].removesuffix("</think></search>")
    assert written[2:] == [f"<think>=\n+?(2) Answer all.</think><answer>(1) {kept};</answer>"]
    assert expert.given_up == {"s": 1}


def test_after_what_is_looked_up_was_not_written_the_list_says_where_to_go_on() -> None:
    asked = task("Peru/capital", "Ghana/capital", "Brazil/capital")
    expert, written = lapsing(asked, "capital: Lima;", "capital: Accra;", "capital: Brasília;", keeps=True, acts=True)
    assert written[1:] == [
        "<think>= capital: Lima\n-?\n+(1) Lima</think><search> capital of Ghana</search>",
        "<think>= capital: Accra\n+(2) Accra\n+?(3) capital of Brazil</think><search> capital of Brazil</search>",
        "<think>= capital: Brasília\n-?\n+(3) Brasília\n+?(4) Answer all.</think>"
        "<answer>(1) Lima;(2) Accra;(3) Brasília;</answer>",
    ]
    assert expert.given_up == {}


def test_a_page_that_is_rewritten_is_never_lost_on_purpose() -> None:
    expert = Expert(lapses=1.0)
    expert.enlist("s", task("Peru/capital"))
    assert expert("s", "").startswith("<think>|?(1)")
    assert expert("s", "<information>capital: Lima;").endswith("<answer>(1) Lima;</answer>")
    assert (expert.slipped, expert.given_up) == ({}, {})


def test_sessions_are_apart_and_must_be_enlisted() -> None:
    expert = Expert()
    expert.enlist("a", task("Peru/capital"))
    expert.enlist("b", task("Ghana/capital"))
    assert "Peru" in expert("a", "")
    assert "Ghana" in expert("b", "")
    with pytest.raises(KeyError):
        expert("c", "")


# ---------------------------------------------------------------- in the loop


class Some:
    """A retriever that finds nothing for queries with one of these words."""

    def __init__(self, whole: Retriever, without: Collection[str]) -> None:
        self.whole = whole
        self.without = without

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        found = await self.whole.search(queries, top_k)
        return [[] if any(w in q for w in self.without) else hits for q, hits in zip(queries, found, strict=True)]


def episodes(
    tasks: Sequence[Task],
    retriever: Retriever,
    *,
    turns: int = 6,
    action: int = 200,
    tokenizer: Tokenizer | None = None,
) -> list[Episode]:
    """The expert's, with so many turns a question and so many tokens for an action."""
    expert, requests = Expert(), group_requests(tasks, 1, seed=0, label="expert")
    for request in requests:
        expert.enlist(request.episode_id, request.task)
    parts = RolloutContext(
        engine=ScriptedEngine(expert, tokenizer),
        make_env=QaEnvConfig(turns_per_objective=turns).build(retriever, StandardScorer()),
        make_memory=StateMemoryConfig(budgets=Budgets(action=action)).build(),
        temperature=0.0,
        reward=lambda score: score.total("em"),
    )
    return asyncio.run(run_requests(requests, parts, concurrency=8))


def test_an_answer_longer_than_its_budget_costs_its_own_question_alone() -> None:
    """Of 24 tokens, two of which are tags: each search has room, and the first answer has none."""
    long = Objective(id="e", question="Emma?", answers=("the novelist Jane Austen",), source="nq")
    told = Bm25Retriever([Passage(id="e", title="Emma", text="by the novelist Jane Austen"), *small_world().passages])
    asked = make_task([long, objective("Ghana/capital")], Composition.SEQUENTIAL, "train")
    (episode,) = episodes([asked], told, turns=4, action=24, tokenizer=CharTokenizer())
    assert episode.error is None
    assert episode.answers == (None, "Accra")
    assert [turn.action_text[:8] for turn in episode.turns] == ["<search>", *["<answer>"] * 3, "<search>", "<answer>"]


def test_a_question_whose_turns_do_not_suffice_costs_no_other() -> None:
    names = ("China/capital>internet code", "Ghana/capital", "Peru/capital")
    asked = task(*names, composition=Composition.SEQUENTIAL)
    (episode,) = episodes([asked], Bm25Retriever(small_world().passages), turns=2)
    assert episode.answers == (None, "Accra", "Lima")


@pytest.mark.parametrize("composition", [Composition.PARALLEL, Composition.SEQUENTIAL])
def test_exact_match_is_what_was_found_by_hand(composition: Composition) -> None:
    retriever = Some(Bm25Retriever(small_world().passages), without=("Ghana", "Beijing"))
    names = ("Peru/capital", "Ghana/capital", "China/capital>internet code", "China/internet code>capital")
    (episode,) = episodes([task(*names, composition=composition)], retriever)
    assert episode.score is not None
    assert episode.score.metrics["em"] == (1.0, 0.0, 0.0, 1.0)
    assert episode.answers == ("Lima", "unknown", "unknown", "Beijing")
    assert len([turn for turn in episode.turns if calls(turn.action, "search")]) == 5  # the third is given up


@pytest.mark.parametrize("composition", [Composition.SEQUENTIAL, Composition.CHAINED])
def test_exact_match_is_the_share_of_answers_that_were_shown(composition: Composition) -> None:
    """Counted from the episodes' own records, on the Factbook, with part of the corpus out of reach."""
    world = factbook_world()
    tasks = compose([world], composition=composition, objectives=4, count=25, seed=0, split="dev")
    retriever = Some(Bm25Retriever(world.passages), without=("Germany", "capital", "population"))
    right = found = 0
    for episode in episodes(tasks, retriever):
        assert episode.score is not None
        for index, asked in enumerate(episode.task.objectives):
            searches = [t for t in episode.turns if t.objective == index and calls(t.action, "search")]
            steps = [asked.answers] if not asked.metadata["bridge"] else [(asked.metadata["entity"],), asked.answers]
            shown = [str(turn.observation).lower() for turn in searches]
            found += len(shown) == len(steps) and all(
                any(wanted.lower() in text for wanted in step) for step, text in zip(steps, shown, strict=True)
            )
            right += episode.score.metrics["em"][index] == 1.0
    assert right == found
    assert 30 < found < 90


def test_the_expert_finds_nearly_everything_in_the_whole_corpus() -> None:
    world = factbook_world()
    tasks = compose([world], composition=Composition.SEQUENTIAL, objectives=4, count=25, seed=0, split="dev")
    scores = [episode.score.total("em") for episode in episodes(tasks, Bm25Retriever(world.passages)) if episode.score]
    assert sum(scores) >= 97
