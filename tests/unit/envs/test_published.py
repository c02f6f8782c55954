"""What a search shows in a published client's form: byte for byte what that client makes of the same passages."""

from __future__ import annotations

import ast
import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mem1.config import build
from mem1.envs.published import Published, published_hint, published_observation
from mem1.envs.qa import QaEnvConfig
from mem1.errors import ConfigError
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.corpus import passage_of, read_corpus
from mem1.rewards.standard import StandardScorer
from mem1.tasks.compose import make_task
from mem1.types import Composition, Malformed, Objective, Observation, tool_call

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "qa" / "wiki18_subset.jsonl"
CLIENTS = os.environ.get("MEM1_TEST_CLIENTS")  # a folder with checkouts named Search-R1 and MEM1
FORMS: tuple[Published, ...] = ("search_r1", "mem1_released", "mem1_inference")

BARN = passage_of({"id": "0", "contents": '"The ""red"" barn"\nPainted by Ana.\nIn Oslo. '})
BARE = passage_of({"id": "1", "contents": "Lake\nBlue. \n"})
TITLE = passage_of({"id": "2", "contents": '"Only a title"'})
OTHER = Passage(id="3", title="Sea", text="Deep.")


def hits(*passages: Passage) -> list[Hit]:
    return [Hit(passage=passage, score=1.0) for passage in passages]


def inner(observation: Observation) -> str:
    """As a memory puts it between the tags: head and passages on lines of their own, the tail on the last."""
    body = observation.head
    for passage in observation.passages:
        body += f"\n{passage}" if body else passage
    return body + (f"\n{observation.tail}" if observation.tail else "")


def test_by_hand() -> None:
    first = 'Doc 1(Title: "The ""red"" barn") Painted by Ana.\nIn Oslo. '
    found = hits(BARN, BARE)
    assert inner(published_observation("search_r1", found, 3)) == f"{first}\nDoc 2(Title: Lake) Blue."
    assert (
        inner(published_observation("mem1_released", found, 3))
        == f"[HINT]You have 3 turns left.[/HINT]\n\n{first}\nDoc 2(Title: Lake) Blue."
    )
    assert (
        inner(published_observation("mem1_inference", found, 1))
        == "\n[HINT]You have 1 turn left. You must answer the question now.[/HINT]\n"
        f"{first}\nDoc 2(Title: Lake) Blue. \n\n\n"
    )
    assert inner(published_observation("search_r1", hits(TITLE), 3)) == 'Doc 1(Title: "Only a title")'
    assert inner(published_observation("search_r1", hits(OTHER), 3)) == 'Doc 1(Title: "Sea") Deep.'
    assert [inner(published_observation(form, [], 2)) for form in FORMS] == [
        "",
        "[HINT]You have 2 turns left.[/HINT]\n\n",
        "\n[HINT]You have 2 turns left.[/HINT]\n\n",
    ]


def test_the_environment_shows_it_and_says_so_in_the_recipe() -> None:
    class One:
        async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
            return [hits(BARN)]

    objective = Objective(id="q", question="Who?", answers=("Ana",), source="toy")
    task = make_task([objective], Composition.PARALLEL, "test")
    config = build(QaEnvConfig, {"format": "mem1_released", "max_turns": 3}, where="test")
    world = config.build(One(), StandardScorer())(task)
    shown = asyncio.run(world.step(tool_call("search", query="barn")))
    assert shown == published_observation("mem1_released", hits(BARN), 2)
    assert asyncio.run(world.step(Malformed(reason="no tag"))).head == (
        "[HINT]You have 1 turn left. You must answer the question in the next turn.[/HINT] No action was taken: no tag"
    )
    assert asyncio.run(world.step(tool_call("search", query="barn"))) == Observation(
        head="No turns left.", done=True, spent=True
    )
    one_by_one = make_task([objective, objective], Composition.SEQUENTIAL, "test")
    plain = build(QaEnvConfig, {"format": "search_r1"}, where="test").build(One(), StandardScorer())(one_by_one)
    assert plain.reset()[1] == Observation(head="Question: Who?")
    with pytest.raises(ConfigError, match="passage is not used where format is 'search_r1'"):
        build(QaEnvConfig, {"format": "search_r1", "passage": "{text}"}, where="test")


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_each_published_passage_keeps_the_first_line_of_its_contents_as_the_title() -> None:
    count = 0
    for line, passage in zip(REAL.open(encoding="utf-8"), read_corpus(REAL), strict=True):
        title, *rest = json.loads(line)["contents"].split("\n")
        text = "\n".join(rest)
        assert inner(published_observation("search_r1", hits(passage), 1)) == f"Doc 1(Title: {title}) {text}".strip()
        count += 1
    assert count == 8236


# ---------------------------------------------------------------- their code, unchanged

PLACES: dict[Published, str] = {
    "search_r1": "Search-R1/search_r1/llm_agent/generation.py",
    "mem1_released": "MEM1/Mem1/train/rollout/llm_agent/generation_think.py",
    "mem1_inference": "MEM1/Mem1/inference/data_pipelines.py",
}


def theirs(form: Published) -> Callable[[list[dict[str, Any]], str], str]:
    """Their function that writes passages and their expression of the block, compiled from their files as they are."""
    tree = ast.parse((Path(str(CLIENTS)) / PLACES[form]).read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    write = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_") == "passages2string"
    )
    exec(compile(ast.Module([write], []), PLACES[form], "exec"), names)
    block = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and "<information>" in ast.unparse(node)
        and "search_results" in ast.unparse(node)
    )
    code = compile(ast.Expression(block), PLACES[form], "eval")
    bound = bool(write.args.args and write.args.args[0].arg == "self")

    def show(results: list[dict[str, Any]], hint: str) -> str:
        text = names[write.name](*([None] if bound else []), results)
        whole = eval(code, {"hint": hint, "search_results": text if form == "mem1_inference" else [text]})
        return str(whole).strip("\n").removeprefix("<information>").removesuffix("</information>")

    return show


@pytest.mark.skipif(
    CLIENTS is None or not REAL.exists(), reason="MEM1_TEST_CLIENTS names no checkouts, or no shared data"
)
@pytest.mark.parametrize("form", FORMS)
def test_the_published_clients_own_code_makes_the_same_bytes_of_8236_passages(form: Published) -> None:
    show = theirs(form)
    passages = list(read_corpus(REAL))
    for start in range(0, len(passages), 4):
        found = hits(*passages[start : start + 4])
        results = [{"document": json.loads(json.dumps(hit.passage.document())), "score": hit.score} for hit in found]
        left = start % 5 + 1
        ours = inner(published_observation(form, found, left))
        assert ours.encode() == show(results, published_hint(form, left)).encode()
    for one in (BARN, BARE, TITLE, OTHER):
        results = [{"document": one.document()}]
        assert inner(published_observation(form, hits(one), 2)) == show(results, published_hint(form, 2))
    assert inner(published_observation(form, [], 2)) == show([], published_hint(form, 2))
