"""Dense retrieval: encoders made for the test, indexes of every kind, and MiniLM from its package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast  # type: ignore[attr-defined]

from mem1.config import build
from mem1.errors import ConfigError, DataError, ModelError
from mem1.retrieval.base import Hit, Passage, Retriever
from mem1.retrieval.config import RetrieverConfig
from mem1.retrieval.dense import index as dense_index
from mem1.retrieval.dense.config import DenseConfig
from mem1.retrieval.dense.encoder import Encoder, Vectors
from mem1.retrieval.dense.index import Plan, build_dense, default_lists, flat_header, open_index
from mem1.retrieval.dense.retriever import encode_passages
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.store import CorpusStore

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "fox", "owl", "query", "passage", ":", '"', "x"]


class Killed(BaseException):
    """Stands for a kill."""


def search(retriever: Retriever, *queries: str, top_k: int = 3) -> list[list[Hit]]:
    return asyncio.run(retriever.search(queries, top_k))


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights and a vocabulary of its own."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CorpusStore:
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows = [{"id": str(i), "contents": '"x"\n' + " ".join(rng.choice(WORDS[4:8], size=1 + i % 7))} for i in range(600)]
    (folder / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return build_store(folder / "c.jsonl", folder / "index")


def vectors_of(passages: Sequence[Passage]) -> Vectors:
    """A vector for each passage that its id alone decides, of length 1."""
    made = np.stack([np.random.default_rng(int(p.id)).standard_normal(8) for p in passages])
    unit: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


MADE_WITH = {"encoder": "test"}


# ---------------------------------------------------------------- encoder


def test_vectors_are_masked_means_of_length_one(encoder_folder: Path) -> None:
    """Against the model run on each text alone, without padding."""
    texts = ["red fox", "owl", "blue blue red owl fox x", "red fox"]
    encoder = Encoder(str(encoder_folder), batch=2, device="cpu")
    found = encoder.encode(texts)
    model = BertModel.from_pretrained(encoder_folder).train(False)
    tokenizer = BertTokenizerFast.from_pretrained(encoder_folder)
    for text, vector in zip(texts, found, strict=True):
        hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].detach()
        mean = hidden.mean(dim=0)
        assert vector == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)
    assert found.shape == (4, 16)
    assert found.dtype == np.float32
    first = Encoder(str(encoder_folder), pooling="cls", device="cpu").encode(["owl"])[0]
    hidden = model(**tokenizer("owl", return_tensors="pt")).last_hidden_state[0, 0].detach()
    assert first == pytest.approx((hidden / hidden.norm()).numpy(), abs=1e-5)


def test_texts_are_cut(encoder_folder: Path) -> None:
    encoder = Encoder(str(encoder_folder), max_tokens=4, device="cpu")  # two words between [CLS] and [SEP]
    long, short = encoder.encode(["red fox owl owl owl", "red fox"])
    assert long == pytest.approx(short, abs=1e-6)
    assert encoder.encode([]).shape == (0, 16)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "no such encoder: nowhere"),
        ("package:bert", "no packaged encoder 'bert'"),
    ],
)
def test_encoders_that_are_not_there(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Encoder(spec)


def test_a_damaged_encoder_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot load the encoder"):
        Encoder(str(tmp_path))


# ---------------------------------------------------------------- indexes


def test_the_flat_file_is_faisss_own(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    index = faiss.IndexFlatIP(3)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "theirs"))
    assert flat_header(5, 3) + vectors.tobytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
@pytest.mark.parametrize("compression", ["none", "float16", "int8"])
def test_every_kind_finds_what_is_nearest(
    store: CorpusStore, tmp_path: Path, kind: dense_index.Kind, compression: dense_index.Compression
) -> None:
    plan = Plan(made_with=MADE_WITH, kind=kind, compression=compression, neighbours=16, lists=4)
    told: list[tuple[int, int]] = []
    file = build_dense(
        store, tmp_path, plan, vectors_of, 8, report=lambda what, done, total: told.append((done, total))
    )
    assert told[-1] == (600, 600)
    index = open_index(file, rows=600, ef_search=64, probes=4)
    whole = vectors_of([store[i] for i in range(600)])
    scores, rows = index.search(whole[:50], 3)
    best = np.sort(whole[:50] @ whole.T)[:, -3:][:, ::-1]
    assert np.mean(rows[:, 0] == np.arange(50)) > 0.95  # each is nearest to itself
    assert np.abs(np.median(scores - best)) < (1e-6 if compression == "none" else 0.02)
    if (kind, compression) == ("flat", "none"):
        assert scores == pytest.approx(best, abs=1e-6)
        assert file.name == "vectors.faiss"


def test_vectors_serve_another_kind_of_index(store: CorpusStore, tmp_path: Path) -> None:
    build_dense(store, tmp_path, Plan(made_with=MADE_WITH), vectors_of, 8)

    def never(passages: Sequence[Passage]) -> Vectors:
        raise AssertionError("encoded again")

    file = build_dense(store, tmp_path, Plan(made_with=MADE_WITH, kind="hnsw"), never, 8)
    assert file.name == "hnsw-none.faiss"
    with pytest.raises(DataError, match="another encoder: 'test', not 'other'"):
        build_dense(store, tmp_path, Plan(made_with={"encoder": "other"}), never, 8)
    with pytest.raises(DataError, match="another dimension: 8, not 9"):
        build_dense(store, tmp_path, Plan(made_with=MADE_WITH), never, 9)


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_killed_build_goes_on(store: CorpusStore, tmp_path: Path, killed_at: int) -> None:
    plan = Plan(made_with=MADE_WITH)
    whole = build_dense(store, tmp_path / "whole", plan, vectors_of, 8)
    done: list[int] = []

    def kill(what: str, so_far: int, total: int) -> None:
        done.append(so_far)
        if len(done) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        build_dense(store, tmp_path / "s", plan, vectors_of, 8, report=kill)
    with (tmp_path / "s" / "vectors.faiss").open("ab") as file:
        file.write(b"torn!")
    with pytest.raises(DataError, match="begun here is another"):
        build_dense(store, tmp_path / "s", Plan(made_with={"encoder": "other"}), vectors_of, 8, resume=True)
    encoded: list[int] = []

    def counted(passages: Sequence[Passage]) -> Vectors:
        encoded.extend(int(p.id) for p in passages)
        return vectors_of(passages)

    again = build_dense(store, tmp_path / "s", plan, counted, 8, resume=True)
    assert encoded == list(range(done[-1], 600))
    assert again.read_bytes() == whole.read_bytes()
    assert {p.name for p in again.parent.iterdir()} == {p.name for p in whole.parent.iterdir()}


def test_bad_vectors_and_bad_indexes(store: CorpusStore, tmp_path: Path) -> None:
    plan = Plan(made_with=MADE_WITH)
    with pytest.raises(DataError, match=r"the encoder gave \(256, 8\)"):
        build_dense(store, tmp_path / "a", plan, vectors_of, 9)
    with pytest.raises(DataError, match="not finite"):
        build_dense(store, tmp_path / "b", plan, lambda p: vectors_of(p) * np.float32(np.nan), 8)
    with pytest.raises(DataError, match="no dense index"):
        open_index(tmp_path / "none", rows=1, ef_search=1, probes=1)
    (tmp_path / "text").write_text("no index")
    with pytest.raises(DataError, match="cannot read the dense index"):
        open_index(tmp_path / "text", rows=1, ef_search=1, probes=1)
    for index, message in (
        (faiss.IndexFlatIP(2), "holds 1 vectors, the corpus 2 passages"),
        (faiss.IndexFlatL2(2), "not one of inner products"),
    ):
        index.add(np.ones((1, 2), dtype=np.float32))
        faiss.write_index(index, str(tmp_path / "i"))
        with pytest.raises(DataError, match=message):
            open_index(tmp_path / "i", rows=2 if "holds" in message else 1, ef_search=1, probes=1)


def test_lists_by_hand() -> None:
    # 4 sqrt(n), but 64 vectors a list at least
    assert [default_lists(n) for n in (10, 128, 10_000, 1_000_000)] == [1, 2, 156, 4000]


# ---------------------------------------------------------------- retrievers


def test_in_memory_and_from_disk_are_the_same(encoder_folder: Path, store: CorpusStore, tmp_path: Path) -> None:
    shared = {"encoder": str(encoder_folder), "device": "cpu", "corpus": str(store.text_file)}
    on_disk = build(DenseConfig, {**shared, "index": str(tmp_path)}, where="test")
    with pytest.raises(DataError, match="no corpus store"):
        on_disk.build()
    on_disk.make(resume=False)
    disk, memory = on_disk.build(), build(DenseConfig, shared, where="test").build()
    left, right = search(disk, "red fox", "owl"), search(memory, "red fox", "owl")
    assert [[h.score for h in hits] for hits in left] == [
        pytest.approx([h.score for h in hits], abs=1e-5) for hits in right
    ]
    assert all(len(hits) == 3 for hits in left)
    assert len(search(disk, "owl", top_k=10_000)[0]) == 600
    for retriever in (disk, memory):
        retriever.close()
    with pytest.raises(DataError, match="another max_tokens: '256', not '9'"):
        on_disk.model_copy(update={"max_tokens": 9}).build()


def test_an_index_of_others_is_read(encoder_folder: Path, store: CorpusStore, tmp_path: Path) -> None:
    """As published: a flat index of inner products, row i of line i, made with prefixes and nothing said about it."""
    encoder = Encoder(str(encoder_folder), device="cpu")
    theirs = faiss.IndexFlatIP(16)
    theirs.add(encode_passages(encoder, [store[i] for i in range(600)], "passage: "))
    faiss.write_index(theirs, str(tmp_path / "e5_Flat.index"))
    config = DenseConfig(
        encoder=str(encoder_folder),
        query_prefix="query: ",
        device="cpu",
        corpus=store.text_file,
        index=store.folder,
        faiss=tmp_path / "e5_Flat.index",
    )
    config.make(resume=False)  # nothing but the offsets, which are there
    retriever = config.build()
    (hits,) = search(retriever, "blue owl")
    scores = encoder.encode(["query: blue owl"]) @ np.stack([theirs.reconstruct(i) for i in range(600)]).T
    assert [hit.score for hit in hits] == pytest.approx(np.sort(scores[0])[::-1][:3], abs=1e-5)
    assert hits[0].passage == store[int(np.flatnonzero(np.isclose(scores[0], scores.max(), atol=1e-6))[0])] or (
        scores[0][int(hits[0].passage.id)] == pytest.approx(scores.max(), abs=1e-5)
    )
    retriever.close()
    with pytest.raises(DataError, match="vectors of 16 numbers, the encoder of 384"):
        config.model_copy(update={"encoder": "package:minilm"}).build()


@pytest.mark.parametrize(
    ("encoder", "given", "expected"),
    [
        ("intfloat/e5-base-v2", None, ("query: ", "passage: ")),
        ("models/my-E5", None, ("query: ", "passage: ")),
        ("package:minilm", None, ("", "")),
        ("intfloat/e5-base-v2", "", ("", "passage: ")),
    ],
)
def test_prefixes(encoder: str, given: str | None, expected: tuple[str, str]) -> None:
    assert DenseConfig(encoder=encoder, query_prefix=given).prefixes == expected


def test_contradictions_are_named() -> None:
    with pytest.raises(ConfigError, match="set corpus too"):
        build(DenseConfig, {"index": "x"}, where="test")
    with pytest.raises(ConfigError, match="set index too"):
        build(DenseConfig, {"faiss": "x", "corpus": "y"}, where="test")
    with pytest.raises(DataError, match="no passage to search"):
        DenseConfig().build()


def test_minilm_finds_what_means_the_same() -> None:
    passages = [
        Passage(id="lima", title="Lima", text="Lima is the capital and the largest city of Peru."),
        Passage(id="milk", title="Cats", text="Young cats like to drink milk."),
        Passage(id="owl", title="Owls", text="Owls hunt at night."),
    ]
    retriever: Retriever = DenseConfig(device="cpu").build(passages)
    queries = ["What do kittens swallow?", "seat of the Peruvian government", "nocturnal birds of prey"]
    assert [hits[0].passage.id for hits in search(retriever, *queries)] == ["milk", "lima", "owl"]


def test_recipes_name_it() -> None:
    from pydantic import TypeAdapter

    made = TypeAdapter[RetrieverConfig](RetrieverConfig).validate_python({"type": "dense", "kind": "hnsw"})
    assert made == DenseConfig(kind="hnsw")
    assert not made.has_corpus
