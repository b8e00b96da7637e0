"""Ranks and what stands elsewhere, on a search result written by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from dr_lightning.callbacks.example_page import Hit
from dr_lightning.callbacks.found import Found
from dr_lightning.callbacks.found_examples import Base, examples
from dr_lightning.data.collections import Collection, load_collection
from dr_lightning.models.encoder import Encoder
from dr_lightning.search import TopK
from tests.fit_command import ENCODER
from tests.tiny_data import write_tiny

# Rows of the tiny corpus: river-north 0, -south 1, -east 2, -west 3, -centre 4, then
# engine-north 5. Query 0 asks for river-north.
NORTH, SOUTH, EAST, WEST, CENTRE, ENGINE = range(6)


def found(
    data: Path, ranked: list[int], searched: list[int] | None, identical: bool = False
) -> Found:
    """What was found for each query: `ranked`, with scores 1.0, 0.9, ..."""
    source = Collection(
        "tiny",
        data / "corpus.parquet",
        data / "queries.parquet",
        data / "qrels.parquet",
        identical,
    )
    tokenization = Encoder(str(ENCODER), "mean").tokenization
    collection = load_collection(source, tokenization, cache=data / "cache")
    scores = 1 - torch.arange(len(ranked)) / 10
    top = TopK(scores.expand(24, -1), torch.tensor(ranked).expand(24, -1))
    values = [row / 24 for row in range(24)]
    per_query = pl.DataFrame({"query_id": collection.query_id, "RR@10": values})
    rows = None if searched is None else np.array(searched)
    return Found(collection, rows, top, per_query)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny")


def ranks(hits: list[Hit]) -> list[tuple[str, int | None, int | None]]:
    return [(hit.passage_id, hit.rank, hit.base_rank) for hit in hits]


def test_ranks_now_and_by_the_base(data: Path) -> None:
    base = Base.of(found(data, [SOUTH, EAST, NORTH, WEST, -1], None))
    now = found(data, [NORTH, SOUTH, ENGINE, EAST, -1], None)
    (shown,) = examples(now, base, [0], 2)
    assert (shown.text, shown.value) == ("where is the river north", 0.0)
    assert ranks(list(shown.first)) == [("river-north", 1, 3), ("river-south", 2, 1)]
    assert [hit.relevant for hit in shown.first] == [True, False]
    assert [hit.score for hit in shown.first] == pytest.approx([1.0, 0.9])
    assert shown.first[0].text == "the river of the north north"
    assert ranks(list(shown.gone)) == [("river-east", 4, 2)]
    assert not shown.below


def test_a_relevant_passage_that_is_not_among_the_first_is_named(data: Path) -> None:
    below = examples(found(data, [SOUTH, EAST, NORTH], None), None, [0], 2)[0].below
    assert ranks(list(below)) == [("river-north", 3, None)]
    lost = examples(found(data, [SOUTH, EAST, WEST], None), None, [0], 2)[0].below
    assert ranks(list(lost)) == [("river-north", None, None)]


def test_the_base_is_ranked_among_the_passages_that_are_searched_now(
    data: Path,
) -> None:
    base = Base.of(found(data, [ENGINE, SOUTH, CENTRE, NORTH], None))
    now = found(data, [NORTH, SOUTH, WEST], [NORTH, SOUTH, WEST])
    (shown,) = examples(now, base, [0], 3)
    assert ranks(list(shown.first)) == [
        ("river-north", 1, 2),
        ("river-south", 2, 1),
        ("river-west", 3, None),
    ]
    assert not shown.gone


def test_a_passage_that_is_the_query_itself_is_left_out(data: Path) -> None:
    now = found(data, [SOUTH, NORTH, EAST], None, identical=True)
    ids = now.collection.query_id.to_list()
    ids[0] = "river-south"
    queries = pl.read_parquet(data / "queries.parquet")
    renamed = queries.with_columns(query_id=pl.Series(ids))
    (data / "queries.parquet").unlink()
    renamed.write_parquet(data / "queries.parquet")
    collection = replace(now.collection, query_id=pl.Series(ids))
    (shown,) = examples(now._replace(collection=collection), None, [0], 2)
    assert ranks(list(shown.first)) == [
        ("river-north", 1, None),
        ("river-east", 2, None),
    ]
