"""No passage has queries on both sides, whatever the lists."""

import random
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.curation.split import shared_passage_components, split_lists

Rows = list[tuple[str, str, list[str]]]

SCHEMA = pl.Schema(
    {
        "query_id": pl.String(),
        "passage_id": pl.List(pl.String),
        "excluded_id": pl.List(pl.String),
    }
)


def lists(rows: Rows) -> pl.DataFrame:
    """Training lists from (query_id, positive, excluded_id)."""
    return pl.DataFrame(
        [(query, [positive, "other"], excluded) for query, positive, excluded in rows],
        schema=SCHEMA,
        orient="row",
    )


def synthetic(passages: int, each: int) -> pl.DataFrame:
    return lists(
        [(f"q{p}-{i}", f"p{p}", []) for p in range(passages) for i in range(each)]
    )


def ids(frame: pl.DataFrame) -> set[str]:
    return set(frame["query_id"])


def relevant(frame: pl.DataFrame) -> set[str]:
    positives = set(frame["passage_id"].list.first())
    return positives | set(frame["excluded_id"].explode().drop_nulls())


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    passages = st.sampled_from([f"p{i}" for i in range(12)])
    judged = st.lists(passages, min_size=1, max_size=3, unique=True)
    drawn = draw(st.lists(judged, min_size=1, max_size=15))
    return [(f"q{i}", known[0], known[1:]) for i, known in enumerate(drawn)]


def slow_components(drawn: Rows) -> set[frozenset[str]]:
    """Merges groups of queries until no two share a relevant passage."""
    groups = [({query}, {positive, *excluded}) for query, positive, excluded in drawn]
    merged = True
    while merged:
        merged = False
        for i, (queries, passages) in enumerate(groups):
            for j in range(i + 1, len(groups)):
                if passages & groups[j][1]:
                    queries |= groups[j][0]
                    passages |= groups[j][1]
                    del groups[j]
                    merged = True
                    break
    return {frozenset(queries) for queries, _ in groups}


@given(rows())
@settings(max_examples=100, deadline=None)
def test_components_agree_with_the_slow_reference(drawn: Rows) -> None:
    numbered = lists(drawn).with_columns(
        number=pl.Series(shared_passage_components(lists(drawn)))
    )
    groups = numbered.group_by("number").agg("query_id")["query_id"]
    assert {frozenset(group) for group in groups} == slow_components(drawn)


def test_a_long_chain_is_one_component() -> None:
    """q0 shares p1 with q1, q1 shares p2 with q2, and so on, in scattered order."""
    chain = [(f"q{i}", f"p{i:03}", [f"p{i + 1:03}"]) for i in range(500)]
    scattered = [chain[i * 7 % 500] for i in range(500)]
    assert set(shared_passage_components(lists(scattered))) == {0}


@given(rows(), st.randoms(use_true_random=False), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_no_relevant_passage_stands_on_both_sides(
    drawn: Rows, shuffle: random.Random, seed: int
) -> None:
    whole = lists(drawn)
    if len(slow_components(drawn)) < 2:
        with pytest.raises(ValueError, match="hang together"):
            split_lists(whole, 0.3, seed)
        return
    train, dev = split_lists(whole, 0.3, seed)
    assert len(train) > 0
    assert len(dev) > 0
    assert ids(train) | ids(dev) == ids(whole)
    assert not ids(train) & ids(dev)
    assert not relevant(train) & relevant(dev)
    shuffled = lists(shuffle.sample(drawn, len(drawn)))
    again = split_lists(shuffled, 0.3, seed)
    assert (ids(again[0]), ids(again[1])) == (ids(train), ids(dev))


def test_dev_gets_its_share() -> None:
    train, dev = split_lists(synthetic(passages=100, each=6))
    assert (len(train), len(dev)) == (540, 60)


def test_the_seed_decides() -> None:
    whole = synthetic(passages=100, each=1)
    dev = [ids(split_lists(whole, seed=seed)[1]) for seed in (1, 1, 2)]
    assert dev[0] == dev[1] != dev[2]


def test_each_side_keeps_the_order_of_the_lists() -> None:
    whole = synthetic(passages=30, each=2)
    for side in split_lists(whole):
        kept = whole.join(side, on="query_id", how="semi", maintain_order="left")
        assert side.equals(kept)


def test_few_lists_still_fill_both_sides() -> None:
    train, dev = split_lists(synthetic(passages=2, each=6))
    assert (len(train), len(dev)) == (6, 6)


def test_a_component_larger_than_the_share_stays_in_train() -> None:
    big = [(f"big{i}", "hub", [f"x{i}"]) for i in range(80)]
    small: Rows = [(f"small{i}", f"p{i}", []) for i in range(20)]
    for seed in range(20):
        train, dev = split_lists(lists(big + small), seed=seed)
        assert len(dev) == 10
        assert {f"big{i}" for i in range(80)} <= ids(train)


def test_lists_that_hang_together_cannot_be_split() -> None:
    match = "the 6 training lists cannot be split into train and dev"
    with pytest.raises(ValueError, match=match):
        split_lists(synthetic(passages=1, each=6))
    with pytest.raises(ValueError, match="the 0 training lists cannot be split"):
        split_lists(lists([]))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_the_share_leaves_room_for_both(share: float) -> None:
    with pytest.raises(ValueError, match="dev_share must be above 0 and below 1"):
        split_lists(synthetic(2, 2), share)


@pytest.mark.slow
def test_the_split_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "import polars as pl; from dr_lightning.curation.split import split_lists;"
        "lists = pl.DataFrame({'query_id': [str(i) for i in range(50)],"
        "'passage_id': [[str(i)] for i in range(50)], 'excluded_id': [[]] * 50},"
        "schema_overrides={'excluded_id': pl.List(pl.String)});"
        "import sys; sys.stdout.write(','.join(split_lists(lists)[1]['query_id']))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1
