"""Retrieval metrics in the loop against rankings in plain numpy."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from lightning.pytorch import Trainer

from dr_lightning import artefacts, schemas
from dr_lightning.callbacks import EvaluateRetrieval, WriteEmbeddings
from dr_lightning.callbacks import write_embeddings as embeddings_module
from dr_lightning.callbacks.sub_corpus import SubCorpus
from dr_lightning.data import RetrievalDataModule
from dr_lightning.data.collections import Collection, Collections
from dr_lightning.data.retrieval import Reading
from dr_lightning.models.bi_encoder import BiEncoder
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import encode
from dr_lightning.objectives import InfoNCE
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text
from tests.training_runs import ENCODER, Run, train, write_lists


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny collection, and one of its queries that judges other passages."""
    folder = write_lists(tmp_path_factory.mktemp("retrieval") / "data", 18)
    qrels = artefacts.read(folder / "qrels.parquet", schemas.QRELS)
    other = qrels.head(5).with_columns(passage_id=pl.lit("coin-centre"))
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(other, folder / "other.parquet", schemas.QRELS, manifest)
    return folder


@pytest.fixture(scope="module")
def module() -> BiEncoder:
    return BiEncoder(Encoder(str(ENCODER), "mean"), InfoNCE())


def sources(data: Path) -> list[Collection]:
    corpus, queries = data / "corpus.parquet", data / "queries.parquet"
    return [
        Collection("tiny", corpus, queries, data / "qrels.parquet"),
        Collection("other", corpus, queries, data / "other.parquet"),
    ]


def retrieval(data: Path) -> RetrievalDataModule:
    collections = Collections(sources(data), sources(data)[:1])
    return RetrievalDataModule(collections, Reading(cache=data / "cache"))


def trainer(folder: Path, *callbacks: EvaluateRetrieval | WriteEmbeddings) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )


def vectors(module: BiEncoder, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of the queries and of the corpus, in the order of the files."""
    queries = artefacts.read(data / "queries.parquet", schemas.QUERIES)["text"]
    corpus = artefacts.scan(data / "corpus.parquet", schemas.CORPUS)
    texts = corpus.select(passage_text(PASSAGE_TEMPLATE)).collect().to_series()
    tokens = module.tokenization.ragged
    query = encode(module.encoder, tokens(queries.to_list(), "query"), "query")
    passage = encode(module.encoder, tokens(texts.to_list(), "passage"), "passage")
    return query, passage


def recall(module: BiEncoder, data: Path, source: Collection, depth: int) -> float:
    query, passage = vectors(module, data)
    ids = artefacts.read(source.corpus, schemas.CORPUS)["passage_id"].to_list()
    queries = artefacts.read(source.queries, schemas.QUERIES)["query_id"].to_list()
    hits = []
    judged = artefacts.read(source.qrels, schemas.QRELS)
    for query_id, passage_id, _ in judged.iter_rows():
        order = np.argsort(-(passage @ query[queries.index(query_id)]), kind="stable")
        hits.append(passage_id in [ids[row] for row in order[:depth]])
    return float(np.mean(hits))


def test_metrics_are_those_of_a_plain_search_and_the_mean_weighs_collections_alike(
    module: BiEncoder, data: Path, tmp_path: Path
) -> None:
    callback = EvaluateRetrieval(["R@5", "nDCG@10"])
    (found,) = trainer(tmp_path, callback).validate(
        module, datamodule=retrieval(data), verbose=False
    )
    tiny, other = (recall(module, data, source, 5) for source in sources(data))
    assert tiny != other
    assert found["val/tiny/R@5"] == pytest.approx(tiny)
    assert found["val/other/R@5"] == pytest.approx(other)
    assert found["val/R@5"] == pytest.approx((tiny + other) / 2)
    assert (tmp_path / "retrieval" / "val-0" / "other.parquet").is_file()


def test_test_searches_the_test_collections(
    module: BiEncoder, data: Path, tmp_path: Path
) -> None:
    callback = EvaluateRetrieval(["R@5"], write_runs=False)
    (found,) = trainer(tmp_path, callback).test(
        module, datamodule=retrieval(data), verbose=False
    )
    assert set(found) == {"test/tiny/R@5", "test/R@5"}
    assert not (tmp_path / "retrieval").exists()


def test_the_sub_corpus_goes_into_the_checkpoint() -> None:
    first = EvaluateRetrieval(sub_corpus=SubCorpus())
    first._rows = {"tiny": np.array([1, 5, 9])}
    second = EvaluateRetrieval(sub_corpus=SubCorpus())
    second.load_state_dict(first.state_dict())
    assert second._rows.keys() == {"tiny"}
    np.testing.assert_array_equal(second._rows["tiny"], [1, 5, 9])


def test_a_resumed_run_searches_the_sub_corpus_of_the_first(
    data: Path, tmp_path: Path
) -> None:
    from lightning.pytorch.callbacks import ModelCheckpoint

    from dr_lightning.callbacks import EvaluateBase

    def run(folder: Path, epochs: int) -> tuple[Run, EvaluateRetrieval]:
        evaluate = EvaluateRetrieval(["R@5"], sub_corpus=SubCorpus(1, 2))
        saver = ModelCheckpoint(folder, "{epoch}", save_top_k=-1)
        options = {"limit_val_batches": 1.0, "enable_checkpointing": True}
        callbacks = [EvaluateBase(), evaluate, saver]
        return (
            Run(trainer=options | {"max_epochs": epochs}, callbacks=lambda: callbacks),
            evaluate,
        )

    first, before = run(tmp_path / "a", 1)
    train(first, data, tmp_path / "one")
    second, after = run(tmp_path / "b", 2)
    checkpoint = sorted((tmp_path / "a").glob("*.ckpt"))[-1]
    train(second, data, tmp_path / "two", ckpt_path=str(checkpoint))
    assert 24 <= len(before._rows["one"]) < 40
    np.testing.assert_array_equal(after._rows["one"], before._rows["one"])


def test_a_sub_corpus_that_nothing_would_choose_is_refused(
    data: Path, tmp_path: Path
) -> None:
    part = EvaluateRetrieval(["nDCG@10"], sub_corpus=SubCorpus(top=1, random=2))
    run = Run(trainer={"limit_val_batches": 1.0}, callbacks=lambda: [part])
    with pytest.raises(ValueError, match="EvaluateBase, which finds that, is not"):
        train(run, data, tmp_path)


def test_shards_of_embeddings_are_consecutive_and_tell_where_they_start(
    module: BiEncoder, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings_module, "world_size", lambda: 3)
    for number in (2, 1, 0):
        monkeypatch.setattr(embeddings_module, "rank", lambda number=number: number)
        trainer(tmp_path, WriteEmbeddings()).predict(module, datamodule=retrieval(data))
    folder = tmp_path / "embeddings" / "tiny"
    record = pl.read_json(folder / "passage.json").row(0, named=True)
    assert record["rows"] == 40
    assert record["dim"] == 32
    assert record["shard_starts"] == [0, 13, 26, 40]
    for side, whole in zip(("query", "passage"), vectors(module, data), strict=True):
        shards = [
            np.load(folder / f"{side}-{number:05d}-of-00003.npy", mmap_mode="r")
            for number in range(3)
        ]
        np.testing.assert_allclose(np.concatenate(shards), whole, atol=1e-6)


def test_embeddings_go_where_they_are_told(
    module: BiEncoder, data: Path, tmp_path: Path
) -> None:
    callback = WriteEmbeddings(tmp_path / "there", batch_tokens=40)
    trainer(tmp_path, callback).predict(module, datamodule=retrieval(data))
    found = np.load(tmp_path / "there" / "tiny" / "passage-00000-of-00001.npy")
    _, passage = vectors(module, data)
    np.testing.assert_allclose(found, passage, atol=1e-6)
    assert torch.is_grad_enabled()
