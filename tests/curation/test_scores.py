"""Percentiles by hand, and the scale on which teachers meet."""

import math

import polars as pl
import pytest

from dr_lightning.curation.rules import ListRules
from dr_lightning.curation.scores import (
    as_candidates,
    average_teachers,
    score_percentiles,
)

FULL_RANGE = ListRules(percentiles=(0, 25, 100))


def teacher(scores: dict[str, dict[str, float]]) -> pl.DataFrame:
    """Teacher scores as a frame; each query's passages stand best first."""
    return pl.DataFrame(
        {
            "query_id": list(scores),
            "passage_id": [list(row) for row in scores.values()],
            "teacher_score": [list(row.values()) for row in scores.values()],
        },
        schema_overrides={
            "passage_id": pl.List(pl.String),
            "teacher_score": pl.List(pl.Float32),
        },
    )


def typed(**types: str) -> pl.DataFrame:
    return pl.DataFrame({"query_id": list(types), "query_type": list(types.values())})


def rows(query_type: str, scores: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"query_type": [query_type] * len(scores), "score": scores})


def test_percentiles_interpolate_linearly() -> None:
    """Of 0, 1, ..., 10 the 25th stands at position 0.25 * 10 = 2.5, between 2 and 3."""
    scale = score_percentiles(rows("claim", [float(i) for i in range(11)]), ListRules())
    assert scale.row(0) == ("claim", pytest.approx(0.1), 2.5, pytest.approx(9.9))


def test_percentiles_are_per_query_type() -> None:
    both = pl.concat([rows("title", [10.0, 20.0]), rows("claim", [0.0, 1.0])])
    scale = score_percentiles(both, FULL_RANGE)
    assert scale.rows() == [("claim", 0.0, 0.25, 1.0), ("title", 10.0, 12.5, 20.0)]


def test_scores_that_do_not_spread_are_refused() -> None:
    match = "query type 'claim' do not spread: their percentiles 1 and 99 are both 3"
    with pytest.raises(ValueError, match=match):
        score_percentiles(rows("claim", [3.0, 3.0]), ListRules())


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_scores_are_finite(bad: float | None) -> None:
    frame = pl.DataFrame(
        {"query_id": ["q"], "passage_id": [["a", "b"]], "score": [[1.0, bad]]}
    )
    match = r"score must be finite numbers, but query 'q' \(and 0 more\)"
    with pytest.raises(ValueError, match=match):
        as_candidates(frame, "score")


def test_a_query_without_candidates_is_no_candidate_row() -> None:
    assert as_candidates(teacher({"q": {}}), "teacher_score").is_empty()


def test_one_teacher_keeps_its_raw_scores() -> None:
    scores = teacher({"q": {"a": 7.0, "b": -2.0}})
    averaged, dropped = average_teachers(typed(q="claim"), [scores])
    assert averaged.equals(scores)
    assert dropped == [0]


def test_teachers_of_different_scales_count_the_same() -> None:
    """On 0..1: one gives 1, 0.5, 0 and two 0.25, 0, 1; means 0.625, 0.25, 0.5."""
    one = teacher({"q": {"a": 200.0, "b": 150.0, "c": 100.0}})
    two = teacher({"q": {"c": 0.5, "a": 0.125, "b": 0.0}})
    two = two.with_columns(teacher_score=pl.Series([[0.4, 0.1, 0.0]]))
    averaged, dropped = average_teachers(typed(q="claim"), [one, two], FULL_RANGE)
    assert averaged["passage_id"].to_list() == [["a", "c", "b"]]
    assert averaged["teacher_score"].to_list() == [pytest.approx([0.625, 0.5, 0.25])]
    assert dropped == [0, 0]


def test_each_type_has_its_own_scale() -> None:
    scores = teacher({"q": {"a": 3.0, "b": 1.0}, "r": {"a": 90.0, "b": 10.0}})
    averaged, _ = average_teachers(
        typed(q="claim", r="title"), [scores, scores], FULL_RANGE
    )
    assert averaged["teacher_score"].to_list() == [[1.0, 0.0], [1.0, 0.0]]


def test_a_candidate_that_one_teacher_lacks_is_dropped_and_counted() -> None:
    one = teacher({"q": {"a": 3.0, "b": 2.0, "c": 1.0}, "r": {"a": 1.0}})
    two = teacher({"q": {"c": 9.0, "a": 5.0, "x": 1.0}})
    averaged, dropped = average_teachers(
        typed(q="claim", r="claim"), [one, two], FULL_RANGE
    )
    assert averaged["query_id"].to_list() == ["q"]
    # a: 1 and 0, c: 0 and 1; the tie keeps the first teacher's order.
    assert averaged["passage_id"].to_list() == [["a", "c"]]
    assert dropped == [2, 1]


def test_the_best_are_not_clipped_before_they_are_compared() -> None:
    """Both teachers put a above b, and both above their 99th percentile."""
    many = {f"p{i:03}": -float(i) for i in range(300)}
    scores = teacher({"q": {"a": 100.0, "b": 50.0, "c": 1.0} | many})
    averaged, _ = average_teachers(typed(q="claim"), [scores, scores])
    best = averaged["teacher_score"][0]
    assert best[0] > best[1] > 1


def test_a_teacher_without_spread_is_refused() -> None:
    one = teacher({"q": {"a": 3.0, "b": 2.0}})
    two = teacher({"q": {"a": 3.0, "b": 3.0}})
    with pytest.raises(ValueError, match="query type 'claim' do not spread"):
        average_teachers(typed(q="claim"), [one, two])
