"""Fusion against plain loops, and what must hold of it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.candidates import fusion
from dr_lightning.candidates.fusion import fuse, join_runs

Lists = dict[str, list[str]]
PASSAGES = ["a", "b", "c", "d", "e", "f"]
lists = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.lists(st.sampled_from(PASSAGES), unique=True, min_size=1),
    min_size=1,
)


def run(by_query: Lists) -> pl.DataFrame:
    scores = [[1 - i / 10 for i in range(len(ids))] for ids in by_query.values()]
    return pl.DataFrame(
        {"query_id": by_query.keys(), "passage_id": by_query.values(), "score": scores},
        schema_overrides={"score": pl.List(pl.Float32)},
    )


def by_loops(
    runs: list[Lists], depth: int, k: int
) -> dict[str, list[tuple[str, float]]]:
    """The definition, one query and one passage at a time."""
    result = {}
    for query in sorted({query for some in runs for query in some}):
        scores = {}
        for passage in PASSAGES:
            shares = []
            for some in runs:
                ids = some.get(query, [])[:depth]
                if passage in ids:
                    shares.append(1 / (k + ids.index(passage) + 1))
            if shares:
                scores[passage] = float(np.float32(sum(sorted(shares))))
        best = sorted(sorted(scores, reverse=True), key=lambda p: -scores[p])[:depth]
        result[query] = [(passage, scores[passage]) for passage in best]
    return result


def as_dict(fused: pl.DataFrame) -> dict[str, list[tuple[str, float]]]:
    rows = fused.iter_rows()
    return {query: list(zip(ids, scores, strict=True)) for query, ids, scores in rows}


@settings(max_examples=60, deadline=None)
@given(
    runs=st.lists(lists, min_size=1, max_size=4),
    depth=st.integers(1, 7),
    k=st.integers(1, 100),
)
def test_fusion_is_its_definition(runs: list[Lists], depth: int, k: int) -> None:
    assert as_dict(fuse([run(some) for some in runs], depth, k)) == by_loops(
        runs, depth, k
    )


@settings(max_examples=40, deadline=None)
@given(runs=st.lists(lists, min_size=2, max_size=4), data=st.data())
def test_the_order_of_the_retrievers_has_no_meaning(
    runs: list[Lists], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(runs))
    fused = [fuse([run(some) for some in order], 5) for order in (runs, other)]
    assert fused[0].equals(fused[1])


@settings(max_examples=40, deadline=None)
@given(some=lists, depth=st.integers(1, 7))
def test_one_run_fused_keeps_its_order(some: Lists, depth: int) -> None:
    fused = fuse([run(some)], depth)
    expected = {query: ids[:depth] for query, ids in sorted(some.items())}
    assert dict(fused.select("query_id", "passage_id").iter_rows()) == expected


def test_a_deep_run_fused_keeps_its_order() -> None:
    """Float32 tells 1 / (60 + rank) apart at ranks far beyond any depth in use."""
    ids = [f"{number:05d}" for number in range(10_000)]
    assert fuse([run({"q": ids})], 10_000)["passage_id"].to_list() == [ids]


def test_equal_scores_go_by_descending_passage_id() -> None:
    fused = fuse([run({"q": ["a", "b"]}), run({"q": ["b", "a"]})], 5)
    assert fused["passage_id"].to_list() == [["b", "a"]]


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        run({"q1": ["a", "b"], "q2": ["c"], "q3": ["a"]}),
        run({"q2": ["b", "c"], "q0": ["d"]}),
    ]
    whole = fuse(runs, 5)
    monkeypatch.setattr(fusion, "BLOCK", 1)
    assert fuse(runs, 5).equals(whole)
    assert whole["query_id"].to_list() == ["q0", "q1", "q2", "q3"]


def test_a_single_run_keeps_its_scores_and_is_cut() -> None:
    joined = join_runs(
        [run({"q2": ["a", "b"], "q1": ["c"]})], pl.Series(["q1", "q2"]), 1, 60
    )
    assert joined.rows() == [("q1", ["c"], [1.0]), ("q2", ["a"], [1.0])]
