"""From files to batches: what a batch holds, and that workers do not change it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoTokenizer

from dr_lightning import artefacts, schemas
from dr_lightning.callbacks import EvaluateRetrieval
from dr_lightning.data import TrainingListDataModule
from dr_lightning.data.batch import Batch
from dr_lightning.data.batch_dataset import BatchDataset
from dr_lightning.data.resume import EpochOrder, position
from dr_lightning.data.token_store import token_store
from dr_lightning.data.training_lists import ListSampling, training_lists
from dr_lightning.models.tokenization import TextFormat, Tokenization
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text
from tests.training_runs import ENCODER, Run, data_module, train, write_lists

SAMPLING = ListSampling(3, "random")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("lists") / "data", 18)


def dataset(data: Path, sampling: ListSampling, seed: int = 1) -> BatchDataset:
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    formats = Tokenization(tokenizer, TextFormat("", 5), TextFormat("", 6))
    corpus = artefacts.scan(data / "corpus.parquet", schemas.CORPUS)
    lists = artefacts.read(data / "train.parquet", schemas.TRAINING_LISTS)
    ids = corpus.select("passage_id").collect().to_series()
    texts = corpus.select(passage_text(PASSAGE_TEMPLATE))
    queries = lists.lazy().select("text")
    return BatchDataset(
        training_lists(lists, ids, "train"),
        token_store(queries, formats, "query", data / "cache"),
        token_store(texts, formats, "passage", data / "cache"),
        formats,
        sampling,
        seed,
    )


def listed(data: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    corpus = artefacts.read(data / "corpus.parquet", schemas.CORPUS)["passage_id"]
    frame = artefacts.read(data / "train.parquet", schemas.TRAINING_LISTS)
    return frame, {name: row for row, name in enumerate(corpus)}


def equal(one: Batch, two: Batch) -> None:
    for name in ("query", "passage"):
        ours, theirs = getattr(one, name), getattr(two, name)
        assert torch.equal(ours.ids, theirs.ids)
        np.testing.assert_array_equal(ours.starts, theirs.starts)
        np.testing.assert_array_equal(ours.lengths, theirs.lengths)
    for name in ("lists", "teacher_scores", "excluded"):
        ours, theirs = getattr(one, name), getattr(two, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.equal(ours, theirs)


def test_a_batch_holds_each_passage_once(data: Path) -> None:
    frame, row_of = listed(data)
    items = dataset(data, ListSampling())
    rows = np.array([0, 1, 2, 7])
    batch = items[0, rows]
    distinct, _, _ = items.index(0, rows)
    assert len(batch) == 4
    assert len(batch.passage) == len(set(distinct)) == len(distinct)
    assert batch.excluded is not None
    assert batch.teacher_scores is not None
    for at, row in enumerate(rows):
        expected = frame.row(int(row), named=True)
        filled = batch.lists[at] >= 0
        own = [row_of[name] for name in expected["passage_id"]]
        assert distinct[batch.lists[at][filled]].tolist() == own
        assert batch.teacher_scores[at][filled].tolist() == expected["teacher_score"]
        assert not batch.teacher_scores[at][~filled].any()
        kept = batch.excluded[at][batch.excluded[at] >= 0]
        in_batch = [row_of[name] for name in expected["excluded_id"]]
        assert distinct[kept].tolist() == [n for n in in_batch if n in distinct]


def test_excluded_passages_that_are_not_in_the_batch_drop_out(data: Path) -> None:
    items = dataset(data, ListSampling(1))
    frame, _ = listed(data)
    excluding = np.flatnonzero(frame["excluded_id"].list.len().to_numpy())
    batch = items[0, excluding[:1]]
    assert batch.excluded is None or (batch.excluded == -1).all()
    none = np.flatnonzero(frame["excluded_id"].list.len().to_numpy() == 0)
    assert items[0, none[:3]].excluded is None


def test_texts_are_cut_to_the_length_limits(data: Path) -> None:
    batch = dataset(data, ListSampling())[0, np.arange(18)]
    assert int(batch.query.lengths.max()) == 3  # 5 less two special tokens
    assert int(batch.passage.lengths.max()) == 4


def test_a_batch_is_a_function_of_seed_epoch_and_rows(data: Path) -> None:
    rows = np.arange(8)
    items = dataset(data, SAMPLING)
    items[0, np.arange(5)]
    equal(items[1, rows], dataset(data, SAMPLING)[1, rows])
    slots = {items.index(epoch, rows)[2].tobytes() for epoch in range(3)}
    slots |= {dataset(data, SAMPLING, 2).index(0, rows)[2].tobytes()}
    assert len(slots) == 4


@pytest.mark.slow
def test_workers_do_not_change_the_batches(data: Path) -> None:
    items = dataset(data, SAMPLING)
    batches = [(epoch, np.arange(row, row + 3)) for epoch in (0, 1) for row in (0, 9)]
    alone = [items[item] for item in batches]
    for workers in (1, 2):
        loader: DataLoader[Any] = DataLoader(
            items, batch_size=None, sampler=batches, num_workers=workers
        )
        for expected, found in zip(alone, loader, strict=True):
            equal(expected, found)


def test_a_batch_moves_to_a_device(data: Path) -> None:
    batch = dataset(data, ListSampling())[0, np.arange(4)]
    equal(batch, batch.to("cpu", non_blocking=True))
    assert batch.to("meta").passage.ids.device.type == "meta"


def test_every_precision_takes_a_batch(data: Path, tmp_path: Path) -> None:
    for precision in ("bf16-true", "64-true"):
        run = Run(trainer={"precision": precision, "max_steps": 1})
        result = train(run, data, tmp_path)
        assert result["losses"].isfinite().all()


def test_a_small_corpus_cuts_the_batch_with_a_warning(
    data: Path, tmp_path: Path
) -> None:
    from dr_lightning.data import PlainBatches

    with pytest.warns(
        UserWarning, match="batches of 9 queries are cut to 5, a quarter"
    ):
        result = train(
            Run(order=PlainBatches(9), trainer={"max_epochs": 1}), data, tmp_path
        )
    assert result["step"] == 4


def test_an_order_starts_where_it_is_told() -> None:
    rows = [np.array([0]), np.array([1]), np.array([2])]
    order = EpochOrder(lambda _: rows, 3, lambda: (4, 1))
    assert [(epoch, row.tolist()) for epoch, row in order] == [(4, [1]), (4, [2])]
    assert len(order) == 3
    assert position(None, 3) == (0, 0)


def test_steps_are_unknown_before_setup(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"read in setup\('fit'\), which has not run"
    ):
        _ = data_module(Run(), data, tmp_path).steps_per_epoch


def test_a_file_without_lists_is_refused(data: Path, tmp_path: Path) -> None:
    other = write_lists(tmp_path / "empty", 18)
    path = other / "train.parquet"
    empty = artefacts.read(path, schemas.TRAINING_LISTS).clear()
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(empty, path, schemas.TRAINING_LISTS, manifest, overwrite=True)
    with pytest.raises(ValueError, match=r"train\.parquet: has no training lists"):
        train(Run(), other, tmp_path)


def test_what_a_run_reads_is_tokenised_by_the_one_that_prepares(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning lets one process of a machine prepare; the others open the stores."""
    prepare = TrainingListDataModule.prepare_data

    def refuse(*_: Any) -> None:
        raise AssertionError("tokenised after the data were prepared")

    def then_refuse(module: TrainingListDataModule) -> None:
        prepare(module)
        monkeypatch.setattr("dr_lightning.data.token_store._build", refuse)

    monkeypatch.setattr(TrainingListDataModule, "prepare_data", then_refuse)
    fresh = tmp_path / "data"
    shutil.copytree(data, fresh, ignore=shutil.ignore_patterns("cache"))
    options = {"max_epochs": 1, "limit_val_batches": 1.0}
    run = Run(trainer=options, callbacks=lambda: [EvaluateRetrieval()])
    result = train(run, fresh, tmp_path)
    assert "val/one/nDCG@10" in result["metrics"]
    assert any((fresh / "cache" / "tokens").iterdir())
