"""Tasks follow from (seed, passage id, type), whatever else is asked."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.requests import Amounts, check_unique, plan, query_id

IDS = [f"p{row}" for row in range(40)]
TYPES = ["claim", "question", "title"]


def rows(frame: pl.DataFrame) -> set[tuple[object, ...]]:
    return set(frame.rows())


def test_every_passage_gets_every_type() -> None:
    tasks = plan(IDS, TYPES, Amounts(per_type=2))
    assert len(tasks) == len(IDS) * 3 * 2
    assert tasks["query_id"].n_unique() == len(tasks)
    assert tasks["query_type"].unique(maintain_order=True).to_list() == TYPES


def test_query_ids_hide_passage_ids() -> None:
    tasks = plan(["a/b c", "d"], ["title"], Amounts())
    assert all(q.startswith("title-") and len(q) == 22 for q in tasks["query_id"])


@given(st.permutations(IDS), st.integers(1, 39), st.integers(1, 39))
def test_more_passages_keep_those_of_fewer(ids: list[str], a: int, b: int) -> None:
    few, many = sorted((a, b))
    small = plan(ids, TYPES, Amounts(passages=few, types_per_passage=2))
    large = plan(IDS, TYPES, Amounts(passages=many, types_per_passage=2))
    assert small["passage_id"].n_unique() == few
    assert rows(small) <= rows(large)


def test_more_types_and_numbers_keep_those_of_fewer() -> None:
    small = plan(IDS, TYPES, Amounts(types_per_passage=1))
    large = plan(IDS, TYPES, Amounts(types_per_passage=2, per_type=2))
    assert rows(small) < rows(large)
    assert len(small) == len(IDS)
    assert set(small["query_type"]) == set(TYPES)


@given(st.permutations(IDS), st.integers(1, 240), st.integers(1, 240))
def test_a_bound_covers_the_corpus_before_it_comes_back(
    ids: list[str], a: int, b: int
) -> None:
    few, many = sorted((a, b))
    small = plan(ids, TYPES, Amounts(queries=few, per_type=2))
    assert len(small) == few
    assert rows(small) <= rows(plan(IDS, TYPES, Amounts(queries=many, per_type=2)))
    counts = small["passage_id"].value_counts()["count"].to_list()
    counts += [0] * (len(IDS) - len(counts))
    assert max(counts) - min(counts) <= 1


def test_a_bound_draws_from_all_types() -> None:
    tasks = plan(IDS, TYPES, Amounts(queries=len(IDS)))
    assert set(tasks["query_type"]) == set(TYPES)


def test_another_seed_draws_others() -> None:
    drawn = [set(plan(IDS, TYPES, Amounts(9, seed=s))["passage_id"]) for s in (1, 2)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passages": 0}, "passages must be at least 1, or null for all, but got 0"),
        ({"types_per_passage": 0}, "types_per_passage must be at least 1"),
        ({"per_type": 0}, "per_type must be at least 1, but got 0"),
        ({"queries": 0}, "queries must be at least 1, or null for all, but got 0"),
    ],
)
def test_bad_amounts_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Amounts(**options)


def test_a_collision_of_ids_is_refused() -> None:
    ids = [query_id(passage, "title", 0, digits=1) for passage in IDS]
    with pytest.raises(ValueError, match="two queries got the id 'title-"):
        check_unique(pl.Series(ids))
