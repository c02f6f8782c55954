"""BM25 from disk: what BM25 in memory gives, score for score, whatever the size of runs, however a build was cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.config import build
from mem1.errors import ConfigError, DataError, StorageError
from mem1.retrieval.base import Hit, Passage, Retriever, contents_of
from mem1.retrieval.bm25 import build as bm25_build
from mem1.retrieval.bm25.build import build_bm25
from mem1.retrieval.bm25.config import Bm25Config
from mem1.retrieval.bm25.disk import Bm25DiskRetriever
from mem1.retrieval.bm25.disk_config import Bm25DiskConfig
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.store import CorpusStore

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "qa"
CORPUS = (("Red", "fox"), ("Blue", "fox, fox!"), ("Green", "owl"))  # as in test_bm25: lengths 2, 3, 2


class Killed(BaseException):
    """Stands for a kill."""


def stored(folder: Path, texts: Sequence[tuple[str, str]]) -> CorpusStore:
    path = folder / "corpus.jsonl"
    rows = [{"id": str(i), "contents": contents_of(title, text)} for i, (title, text) in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return build_store(path, folder / "index")


def made(folder: Path, texts: Sequence[tuple[str, str]], **settings: Any) -> Bm25DiskRetriever:
    store = stored(folder, texts)
    build_bm25(store, store.folder, **settings)
    return Bm25DiskRetriever.open(store, store.folder, **settings)


def search(retriever: Retriever, query: str, top_k: int = 3) -> list[Hit]:
    return asyncio.run(retriever.search([query], top_k))[0]


def test_scores_by_hand(tmp_path: Path) -> None:
    """The figures of ``test_bm25.test_scores_by_hand``."""
    retriever = made(tmp_path, CORPUS)
    assert isinstance(retriever, Retriever)
    (owl,) = search(retriever, "owl")
    assert owl.passage == Passage(id="2", title="Green", text="owl")
    assert owl.score == pytest.approx(0.530588, abs=1e-5)
    first, second = search(retriever, "fox")
    assert (first.passage.id, second.passage.id) == ("1", "0")
    assert (first.score, second.score) == pytest.approx((0.313038, 0.254252), abs=1e-5)
    assert search(retriever, "owl OWL")[0].score == pytest.approx(2 * 0.530588, abs=1e-5)
    assert [search(retriever, query) for query in ("", "zebra", "?!", "zzz aaa")] == [[], [], [], []]
    assert asyncio.run(retriever.search([], 3)) == []
    with pytest.raises(ValueError, match="top_k"):
        search(retriever, "fox", 0)


def test_k1_and_b_are_heeded(tmp_path: Path) -> None:
    assert search(made(tmp_path, CORPUS, k1=0.0), "owl")[0].score == pytest.approx(0.980829, abs=1e-5)


def test_lucenes_words_are_an_option(tmp_path: Path) -> None:
    """Stop words are not looked for, and a stem finds its other forms; memory and disk agree."""
    texts = [("Foxes", "running through the woods"), ("Owls", "of the night"), ("The", "a fox's run")]
    retriever = made(tmp_path, texts, tokens="lucene")
    memory = Bm25Config(tokens="lucene").build(
        [Passage(id=str(i), title=title, text=text) for i, (title, text) in enumerate(texts)]
    )
    for query, expected in (("the", []), ("owl nights", ["1"]), ("wooded runs", ["0", "2"])):
        assert sorted(hit.passage.id for hit in search(retriever, query)) == expected
        assert search(retriever, query) == search(memory, query)
    assert len(search(Bm25Config().build(memory.passages), "the")) == 3
    with pytest.raises(DataError, match="another tokens: 'lucene', not 'words'"):
        build_bm25(stored(tmp_path, texts), tmp_path / "index")


def test_ties_come_in_corpus_order(tmp_path: Path) -> None:
    retriever = made(tmp_path, [*[("same", "text")] * 50, ("other", "text")])
    assert [hit.passage.id for hit in search(retriever, "same")] == ["0", "1", "2"]
    assert [hit.passage.id for hit in search(retriever, "text", 60)] == [str(i) for i in range(51)]


WORD = st.sampled_from(["a", "a", "a", "b", "b", "c", "d", "é", "f", "g"])
TEXT = st.lists(WORD, max_size=6).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TEXT, min_size=1, max_size=20).filter(lambda texts: any(texts)),
    st.lists(TEXT, min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(1, 12),
    st.integers(1, 30),
)
def test_it_is_bm25_in_memory(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], queries: list[str], top_k: int, run: int, postings: int
) -> None:
    """Equal passages, equal scores to the last bit, equal order, over any cut into runs and stretches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bm25_build, "RUN", run)
        patch.setattr(bm25_build, "_POSTINGS", postings)
        retriever = made(tmp_path_factory.mktemp("bm25"), [("", text) for text in texts])
    memory = Bm25Retriever([Passage(id=str(i), title="", text=text) for i, text in enumerate(texts)])
    # Twice: a search leaves nothing behind that the next one would count.
    for _ in range(2):
        assert asyncio.run(retriever.search(queries, top_k)) == asyncio.run(memory.search(queries, top_k))


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_it_is_bm25_in_memory_on_the_published_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bm25_build, "RUN", 1000)
    monkeypatch.setattr(bm25_build, "_POSTINGS", 100_000)
    corpus = REAL / "wiki18_subset.jsonl"
    retriever = Bm25DiskConfig(corpus=corpus, index=tmp_path)
    retriever.make(resume=False)
    memory = Bm25Retriever(list(read_corpus(corpus)))
    with (REAL / "nq_test.jsonl").open() as file:
        queries = [json.loads(line)["question"] for line in file][:300]
    assert asyncio.run(retriever.build().search(queries, 5)) == asyncio.run(memory.search(queries, 5))


# ---------------------------------------------------------------- building

TEXTS = [(f"T{i}", f"word{i % 3} other{i} common") for i in range(10)]


@pytest.mark.parametrize("killed_at", [1, 2, 4, 5, 7])
def test_a_killed_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int) -> None:
    """Reports 1 to 4 are runs, 5 and after are stretches of the merge."""
    monkeypatch.setattr(bm25_build, "RUN", 3)
    monkeypatch.setattr(bm25_build, "_POSTINGS", 12)
    store = stored(tmp_path, TEXTS)
    whole = build_bm25(store, tmp_path / "whole")
    told: list[str] = []

    def kill(what: str, done: int, total: int) -> None:
        told.append(what)
        if len(told) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        build_bm25(store, store.folder, report=kill)
    for torn in ("vocabulary.txt", "lengths.u32"):
        with (store.folder / "bm25" / torn).open("ab") as file:
            file.write(b"torn!")
    (store.folder / "bm25" / "run-000004").mkdir()  # begun and not finished
    with pytest.raises(StorageError, match="cut off"):
        build_bm25(store, store.folder)
    with pytest.raises(DataError, match="no BM25 index"):
        Bm25DiskRetriever.open(store, store.folder)
    told.clear()
    folder = build_bm25(store, store.folder, resume=True, report=lambda what, *_: told.append(what))
    assert told.count("splitting passages into words") == max(0, 4 - killed_at)
    (folder / "run-000004").rmdir()
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
    for path in whole.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_an_index_of_another_kind_is_refused(tmp_path: Path) -> None:
    store = stored(tmp_path, TEXTS)
    build_bm25(store, store.folder)
    assert build_bm25(store, store.folder) == store.folder / "bm25"  # it is there already
    with pytest.raises(DataError, match=r"another k1: 0\.9, not 1\.2") as caught:
        build_bm25(store, store.folder, k1=1.2)
    assert "delete the folder" in str(caught.value.hint)
    with pytest.raises(DataError, match=r"another b: 0\.4, not 0\.75"):
        Bm25DiskRetriever.open(store, store.folder, b=0.75)
    (tmp_path / "other").mkdir()
    other = stored(tmp_path / "other", TEXTS[1:])
    with pytest.raises(DataError, match="another corpus"):
        Bm25DiskRetriever.open(other, store.folder)


def test_damage_and_nothing_to_index(tmp_path: Path) -> None:
    store = stored(tmp_path, TEXTS)
    folder = build_bm25(store, store.folder)
    (folder / "docs.i32").write_bytes(b"1234")
    with pytest.raises(DataError, match=r"docs\.i32 holds 1 numbers, not 40"):
        Bm25DiskRetriever.open(store, store.folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no passage holds a word"):
        made(tmp_path / "empty", [("", "?!"), ("", "")])


def test_the_config_needs_an_index(tmp_path: Path) -> None:
    corpus = stored(tmp_path, TEXTS).text_file
    config = build(Bm25DiskConfig, {"corpus": str(corpus), "index": str(tmp_path / "x"), "b": 0.0}, where="test")
    with pytest.raises(DataError, match="no corpus store"):
        config.build()
    config.make(resume=False)
    assert [hit.passage.id for hit in search(config.build(), "other7")] == ["7"]
    with pytest.raises(ConfigError, match="index: this key is needed"):
        build(Bm25DiskConfig, {"corpus": "c"}, where="test")


def test_a_word_that_comes_very_often_in_one_passage(tmp_path: Path) -> None:
    """Counts are kept in 16 bits; beyond them the score has long stopped growing."""
    retriever = made(tmp_path, [("", "a " * 70_000), ("", "b")])
    assert search(retriever, "a")[0].score == pytest.approx(float(np.log(1 + 1.5 / 1.5)), rel=1e-4)
