"""The wire format, byte for byte."""

from __future__ import annotations

import json

from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.service.schema import search_reply

LIMA = Passage(id="7", title="Lima", text="Capital of Peru.\nOn the coast.")


def test_replies_by_hand() -> None:
    found = [[Hit(passage=LIMA, score=1.5)], []]
    assert search_reply(found, with_scores=False) == (
        b'{"result":[[{"id":"7","contents":"\\"Lima\\"\\nCapital of Peru.\\nOn the coast."}],[]]}'
    )
    assert json.loads(search_reply(found, with_scores=True)) == {
        "result": [[{"document": {"id": "7", "contents": '"Lima"\nCapital of Peru.\nOn the coast.'}, "score": 1.5}], []]
    }
    assert search_reply([], with_scores=True) == b'{"result":[]}'


def test_half_a_surrogate_pair_still_makes_an_answer() -> None:
    broken = Hit(passage=Passage.model_construct(id="1", title="x", text="\ud800"), score=1.0)
    assert json.loads(search_reply([[broken]], with_scores=False))["result"][0][0]["contents"] == '"x"\n\ud800'


def test_what_else_a_line_says_is_sent_along() -> None:
    dated = Passage(id="9", title="t", text="x", extra={"year": 2018})
    assert json.loads(search_reply([[Hit(passage=dated, score=1.0)]], with_scores=False)) == {
        "result": [[{"id": "9", "contents": '"t"\nx', "year": 2018}]]
    }
