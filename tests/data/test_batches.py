"""Which queries meet in a batch."""

import numpy as np
import polars as pl
import pytest

from dr_lightning.data import ClusterBatches, PlainBatches, SourceBatches
from dr_lightning.data.batches import Batches
from dr_lightning.data.training_lists import TrainingLists

ORDERS = (PlainBatches, SourceBatches, ClusterBatches)


def overlapping(sources: int = 60, a_source: int = 6, width: int = 8) -> TrainingLists:
    """Queries of one source share most of their list, and some with the neighbours."""
    generator = np.random.default_rng(3)
    rows = []
    for source in range(sources):
        for _ in range(a_source):
            near = generator.permutation(np.arange(-8, 9))[: width - 1]
            others = [n if n else 9 for n in near]
            rows.append([source, *((source + np.array(others)) % sources)])
    passage = np.array(rows, dtype=np.int64)
    passage[::5, 6:] = -1
    ids = pl.Series([str(row) for row in range(len(rows))])
    return TrainingLists(ids, passage, None, np.full((len(rows), 0), -1), ids)


def distinct(batches: list[np.ndarray], lists: TrainingLists) -> float:
    found = [np.unique(lists.passage[rows]) for rows in batches]
    return float(np.mean([(passages >= 0).sum() for passages in found]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("queries", "size"), [(360, 32), (353, 32), (7, 4096), (1, 5), (10, 1)]
)
def test_each_query_stands_in_one_batch_an_epoch(
    order: type[Batches], queries: int, size: int
) -> None:
    whole = overlapping()
    lists = TrainingLists(
        whole.query_id[:queries],
        whole.passage[:queries],
        None,
        whole.excluded[:queries],
        whole.query_type[:queries],
    )
    batching = order(size)
    for epoch in range(3):
        batches = batching.epoch(lists, seed=4, epoch=epoch)
        assert sorted(np.concatenate(batches)) == list(range(queries))
        assert len(batches) == batching.count(queries)
        sizes = [len(rows) for rows in batches]
        assert max(sizes) == batching.effective_size(queries) <= size
        assert min(sizes) >= max(max(sizes) - 1, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_an_epoch_is_a_function_of_seed_and_epoch(order: type[Batches]) -> None:
    lists = overlapping()

    def flat(seed: int, epoch: int) -> list[int]:
        batches = order(32).epoch(lists, seed, epoch)
        return [int(row) for row in np.concatenate(batches)]

    assert flat(1, 2) == flat(1, 2)
    assert len({tuple(flat(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_a_batch_is_at_most_a_quarter_of_the_queries() -> None:
    assert PlainBatches(4096).effective_size(360) == 90
    assert PlainBatches(4096).effective_size(3) == 1
    assert PlainBatches(4096).count(10_003) == 4
    assert PlainBatches(32).limit(360) == 32
    assert PlainBatches().size == 4096


@pytest.mark.parametrize("order", [SourceBatches, ClusterBatches])
def test_related_queries_have_fewer_distinct_passages(order: type[Batches]) -> None:
    lists = overlapping()
    plain = distinct(PlainBatches(32).epoch(lists, 0, 0), lists)
    related = distinct(order(32).epoch(lists, 0, 0), lists)
    assert related < 0.85 * plain


def test_queries_of_one_source_stay_together() -> None:
    lists = overlapping()
    order = np.concatenate(SourceBatches(32).epoch(lists, 0, 0))
    positives = lists.passage[order, 0]
    assert (np.diff(positives) != 0).sum() == 59
    # The sources themselves come at random, and so do the queries of one.
    assert not (np.diff(positives) >= 0).all()
    assert not (np.diff(order.reshape(60, 6), axis=1) > 0).all()


def test_batches_without_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, but got 0"):
        SourceBatches(0)
