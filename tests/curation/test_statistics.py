"""The figures of the manifest, worked by hand."""

import math
from typing import Any

import polars as pl
import pytest

from dr_lightning.curation.lists import Curated
from dr_lightning.curation.statistics import drop_counts, list_statistics


def curated(
    scores: list[list[float] | None],
    excluded: list[list[str]],
    query_type: str = "claim",
) -> Curated:
    """Lists over passages a, b, c, ... and a query `low` and a query `shallow` more."""
    names = [f"q{i}" for i in range(len(scores))]
    lists = pl.DataFrame(
        {
            "query_id": names,
            "query_type": query_type,
            "passage_id": [list("abcdef")[: len(row or "ab")] for row in scores],
            "teacher_score": scores,
            "excluded_id": excluded,
        },
        schema_overrides={
            "teacher_score": pl.List(pl.Float32),
            "excluded_id": pl.List(pl.String),
        },
    )
    judged = pl.DataFrame(
        {
            "query_id": [*names, "low", "shallow"],
            "query_type": query_type,
            "candidates": [40] * len(names) + [20, 3],
            "reason": [None] * len(names) + ["best_score_low", "too_few_candidates"],
            "low": -1.0,
            "floor": 0.5,
            "high": 7.0,
        },
        schema_overrides={"reason": pl.String},
    )
    return Curated(lists, judged)


def of_claim(made: Curated) -> dict[str, Any]:
    return list_statistics(made)["claim"]


def test_counts_and_drops() -> None:
    found = of_claim(curated([[1.0, 0.0]], [[]]))
    assert (found["queries"], found["lists"]) == (3, 1)
    assert found["dropped"] == {"best_score_low": 1, "too_few_candidates": 1}


def test_depth_is_that_of_the_queries_behind_the_percentiles() -> None:
    """40 of the kept and 20 of the low one; the shallow query's 3 do not count."""
    found = of_claim(curated([[1.0, 0.0]], [[]]))
    assert found["candidates"] == {"mean": 30.0, "min": 20, "max": 40}
    assert found["percentiles"] == {"low": -1.0, "floor": 0.5, "high": 7.0}


def test_share_of_clipped_positives() -> None:
    found = of_claim(
        curated([[1.0, 0.5], [0.9, 0.5], [1.0, 0.1], [0.8, 1.0]], [[]] * 4)
    )
    assert found["positives_clipped"] == 0.5


def test_negatives_are_masked_strictly_above_the_ratio() -> None:
    """0.75 and 0.625 are above 0.6 of 1, 0 is not; of 0.5 only above 0.3."""
    found = of_claim(curated([[1.0, 0.75, 0.625, 0.0], [0.5, 0.25]], [[], []]))
    assert found["negatives_masked"] == pytest.approx(2 / 4)
    exact = of_claim(curated([[0.0, 0.0]], [[]]))
    assert exact["negatives_masked"] == 0.0


def test_excluded_passages_are_no_negatives() -> None:
    found = of_claim(curated([[1.0, 0.9, 0.0]], [["b", "z"]]))
    assert found["negatives_masked"] == 0.0


def test_entropy_of_the_teacher() -> None:
    """Equal scores: log 3. Scores 0.3 and 0: p = e / (e + 1) = 0.7311, 0.5822 nats."""
    p = math.e / (math.e + 1)
    two = -p * math.log(p) - (1 - p) * math.log(1 - p)
    found = of_claim(curated([[0.5, 0.5, 0.5], [0.3, 0.0]], [[], []]))
    assert found["teacher_entropy"] == pytest.approx((math.log(3) + two) / 2, abs=1e-6)


def test_without_a_teacher_there_is_nothing_to_describe() -> None:
    found = of_claim(curated([None], [[]]))
    assert found["lists"] == 1
    assert found["positives_clipped"] is None
    assert found["negatives_masked"] is None
    assert found["teacher_entropy"] is None


def test_types_are_described_apart() -> None:
    one = curated([[1.0, 0.0]], [[]], "claim")
    two = curated([[0.5, 0.4], [0.5, 0.4]], [[], []], "title")
    both = Curated(
        pl.concat([one.lists, two.lists]), pl.concat([one.judged, two.judged])
    )
    found = list_statistics(both)
    assert list(found) == ["claim", "title"]
    assert found["claim"]["lists"] == 1
    assert found["title"]["negatives_masked"] == 1.0


def test_the_most_frequent_reason_comes_first() -> None:
    judged = pl.DataFrame({"reason": ["x", "y", "y", None, "a"]})
    assert list(drop_counts(judged).items()) == [("y", 2), ("a", 1), ("x", 1)]
