"""Each rule of curation on a case that can be worked by hand."""

import math
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from dr_lightning.curation.lists import contrastive_lists, distillation_lists
from dr_lightning.curation.rules import ListRules

RULES = ListRules(list_length=3, min_candidates=2, percentiles=(0, 25, 100))

Scores = dict[str, dict[str, float]]


def queries(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    """Queries from (query_id, query_type, source_passage_id)."""
    frame = pl.DataFrame(
        rows,
        schema={
            "query_id": pl.String,
            "query_type": pl.String,
            "source_passage_id": pl.String,
        },
        orient="row",
    )
    return frame.with_columns(text="text of " + pl.col("query_id"))


def scored(scores: Scores, column: str = "teacher_score") -> pl.DataFrame:
    """Candidates as a frame; each query's passages stand best first."""
    return pl.DataFrame(
        {
            "query_id": list(scores),
            "passage_id": [list(row) for row in scores.values()],
            column: [list(row.values()) for row in scores.values()],
        },
        schema={
            "query_id": pl.String,
            "passage_id": pl.List(pl.String),
            column: pl.List(pl.Float32),
        },
    )


def qrels(*rows: tuple[str, str, int]) -> pl.DataFrame:
    schema = {"query_id": pl.String, "passage_id": pl.String, "relevance": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def reasons(judged: pl.DataFrame) -> dict[str, str | None]:
    return dict(judged.select("query_id", "reason").iter_rows())


def only(lists: pl.DataFrame) -> dict[str, Any]:
    assert len(lists) == 1
    return lists.row(0, named=True)


def test_a_list_has_the_columns_of_the_schema() -> None:
    scores = scored({"q": {"a": 4.0, "b": 3.0, "c": 0.0}})
    lists, _ = distillation_lists(queries(("q", "claim", "a")), scores, None, RULES)
    assert only(lists) == {
        "query_id": "q",
        "text": "text of q",
        "query_type": "claim",
        "passage_id": ["a", "b", "c"],
        "teacher_score": [1.0, 0.75, 0.0],
        "excluded_id": [],
    }
    assert lists.schema["teacher_score"] == pl.List(pl.Float32)
    assert lists.schema["excluded_id"] == pl.List(pl.String)


def test_lists_keep_the_order_of_the_queries() -> None:
    scores = scored({q: {"a": 4.0, "b": 3.0} for q in "qrs"})
    asked = queries(("s", "claim", "a"), ("q", "claim", "a"), ("r", "claim", "a"))
    lists, judged = distillation_lists(asked, scores, None, RULES)
    assert lists["query_id"].to_list() == ["s", "q", "r"]
    assert judged["query_id"].to_list() == ["s", "q", "r"]


def test_a_beaten_source_is_dropped_and_a_tied_one_stands_first() -> None:
    scores = scored(
        {"beaten": {"b": 4.0, "a": 3.0, "c": 0.0}, "tied": {"b": 4.0, "c": 4.0, "a": 4}}
    )
    asked = queries(("beaten", "claim", "a"), ("tied", "claim", "a"))
    rules = replace(RULES, drop_low_best=False, percentiles=(0, 0, 100))
    other = scored({"low": {"a": 0.0, "b": -4.0}})
    lists, judged = distillation_lists(
        pl.concat([asked, queries(("low", "claim", "a"))]),
        pl.concat([scores, other]),
        None,
        rules,
    )
    assert reasons(judged) == {"beaten": "source_beaten", "tied": None, "low": None}
    assert lists["passage_id"].to_list() == [["a", "b", "c"], ["a", "b"]]


def test_without_the_filter_a_beaten_source_is_still_the_positive() -> None:
    scores = scored({"q": {"b": 4.0, "c": 3.0, "d": 2.0, "a": 0.0}})
    rules = replace(RULES, drop_beaten_source=False)
    row = only(
        distillation_lists(queries(("q", "claim", "a")), scores, None, rules).lists
    )
    assert row["passage_id"] == ["a", "b", "c"]
    assert row["teacher_score"] == [0.0, 1.0, 0.75]


def test_a_source_without_score_is_dropped() -> None:
    scores = scored({"q": {"b": 4.0, "c": 3.0}})
    judged = distillation_lists(
        queries(("q", "claim", "a")), scores, None, RULES
    ).judged
    assert reasons(judged) == {"q": "positive_not_scored"}


def test_too_few_candidates_are_dropped() -> None:
    scores = scored({"one": {"a": 4.0}, "two": {"a": 4.0, "b": 1.0}})
    asked = queries(("one", "claim", "a"), ("two", "claim", "a"))
    judged = distillation_lists(asked, scores, None, RULES).judged
    assert reasons(judged) == {"one": "too_few_candidates", "two": None}


def test_a_query_without_scores_is_dropped() -> None:
    scores = scored({"q": {"a": 4.0, "b": 1.0}, "empty": {}})
    asked = queries(("q", "claim", "a"), ("r", "claim", "a"), ("empty", "claim", "a"))
    judged = distillation_lists(asked, scores, None, RULES).judged
    assert reasons(judged) == {
        "q": None,
        "r": "no_candidates",
        "empty": "no_candidates",
    }


def test_percentiles_look_only_at_queries_that_passed_step_one() -> None:
    """The beaten query's 100 and the shallow query's -100 move neither end."""
    scores = scored(
        {
            "q": {"a": 4.0, "b": 2.0, "c": 0.0},
            "beaten": {"b": 100.0, "a": 50.0},
            "shallow": {"a": -100.0},
        }
    )
    asked = queries(
        ("q", "claim", "a"), ("beaten", "claim", "a"), ("shallow", "claim", "a")
    )
    lists, judged = distillation_lists(asked, scores, None, RULES)
    assert only(lists)["teacher_score"] == [1.0, 0.5, 0.0]
    assert judged.select("low", "floor", "high").row(0) == (0.0, 1.0, 4.0)


def test_percentiles_look_at_candidates_beyond_the_list() -> None:
    """The 0 of the fourth candidate is the low end, though the list ends at three."""
    scores = scored({"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 0.0}})
    row = only(
        distillation_lists(queries(("q", "claim", "a")), scores, None, RULES).lists
    )
    assert row["passage_id"] == ["a", "b", "c"]
    assert row["teacher_score"] == [1.0, 0.75, 0.5]


def test_types_have_scales_of_their_own() -> None:
    scores = scored({"q": {"a": 4.0, "b": 0.0}, "r": {"a": 400.0, "b": 300.0}})
    asked = queries(("q", "claim", "a"), ("r", "title", "a"))
    lists = distillation_lists(asked, scores, None, RULES).lists
    assert lists["teacher_score"].to_list() == [[1.0, 0.0], [1.0, 0.0]]


def test_a_best_score_under_the_floor_is_dropped() -> None:
    """Sorted 0 0 0 1 2 3 4 8: the 50th percentile, at position 3.5, is 1.5."""
    scores = scored(
        {
            "high": {"a": 8.0, "b": 4.0, "c": 3.0, "d": 0.0},
            "above": {"a": 2.0, "b": 0.0},
            "under": {"a": 1.0, "b": 0.0},
        }
    )
    asked = queries(
        ("high", "claim", "a"), ("above", "claim", "a"), ("under", "claim", "a")
    )
    half = replace(RULES, percentiles=(0, 50, 100))
    assert reasons(distillation_lists(asked, scores, None, half).judged) == {
        "high": None,
        "above": None,
        "under": "best_score_low",
    }
    off = replace(half, drop_low_best=False)
    judged = distillation_lists(asked, scores, None, off).judged
    assert set(judged["reason"]) == {None}


def test_a_best_score_on_the_floor_stays() -> None:
    scores = scored({"high": {"a": 2.0, "b": 1.0}, "on": {"a": 1.0, "b": 0.0}})
    asked = queries(("high", "claim", "a"), ("on", "claim", "a"))
    judged = distillation_lists(
        asked, scores, None, replace(RULES, percentiles=(0, 50, 100))
    ).judged
    assert judged["floor"].to_list() == [1.0, 1.0]
    assert set(judged["reason"]) == {None}


def test_scores_beyond_the_percentiles_are_clipped() -> None:
    """0, 1, 2, 3, 4 with the ends at the 25th (1) and the 75th (3)."""
    scores = scored({"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0, "e": 0.0}})
    rules = replace(RULES, list_length=5, percentiles=(25, 25, 75))
    row = only(
        distillation_lists(queries(("q", "claim", "a")), scores, None, rules).lists
    )
    assert row["teacher_score"] == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_depth_cuts_before_everything_else() -> None:
    scores = scored({"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 0.0}})
    lists, judged = distillation_lists(
        queries(("q", "claim", "a")), scores, None, replace(RULES, depth=3)
    )
    assert only(lists)["teacher_score"] == [1.0, 0.5, 0.0]
    assert judged["candidates"].to_list() == [3]


def test_a_human_query_takes_the_best_relevant_passage() -> None:
    """The teacher has c third and d fourth: c is the positive, d stays listed."""
    scores = scored({"h": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 0.0}})
    judgements = qrels(("h", "d", 2), ("h", "c", 1), ("h", "a", 0), ("h", "z", 1))
    row = only(
        distillation_lists(
            queries(("h", "human", None)),
            scores,
            judgements,
            replace(RULES, list_length=4),
        ).lists
    )
    assert row["passage_id"] == ["c", "a", "b", "d"]
    assert row["teacher_score"] == [0.5, 1.0, 0.75, 0.0]
    assert sorted(row["excluded_id"]) == ["d", "z"]


def test_a_human_positive_is_never_cut() -> None:
    scores = scored({"h": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 0.0}})
    rules = replace(RULES, list_length=2, depth=2, percentiles=(0, 25, 100))
    row = only(
        distillation_lists(
            queries(("h", "human", None)), scores, qrels(("h", "d", 1)), rules
        ).lists
    )
    assert row["passage_id"] == ["d", "a"]
    # The percentiles are those of a and b alone, 3 and 4; the 0 of d is clipped.
    assert row["teacher_score"] == [0.0, 1.0]


def test_relevance_then_id_break_ties_between_positives() -> None:
    scores = scored({"h": {"a": 4.0, "c": 3.0, "b": 3.0, "d": 3.0}})
    asked = queries(("h", "human", None))
    graded = qrels(("h", "b", 1), ("h", "c", 1), ("h", "d", 2))
    first = only(distillation_lists(asked, scores, graded, RULES).lists)
    assert first["passage_id"][0] == "d"
    alike = qrels(("h", "b", 1), ("h", "c", 1), ("h", "d", 1))
    second = only(distillation_lists(asked, scores, alike, RULES).lists)
    assert second["passage_id"][0] == "b"


def test_min_relevance_decides_who_is_relevant() -> None:
    scores = scored({"h": {"a": 4.0, "b": 3.0}})
    judgements = qrels(("h", "a", 1), ("h", "b", 2))
    row = only(
        distillation_lists(
            queries(("h", "human", None)),
            scores,
            judgements,
            replace(RULES, min_relevance=2),
        ).lists
    )
    assert row["passage_id"] == ["b", "a"]
    assert row["excluded_id"] == []


def test_source_and_floor_filters_spare_human_queries() -> None:
    scores = scored(
        {"s": {"a": 9.0, "b": 8.0}, "h": {"c": 1.0, "d": 0.0, "e": 0.0, "f": 0.0}}
    )
    asked = queries(("s", "mixed", "a"), ("h", "mixed", None))
    judged = distillation_lists(
        asked, scores, qrels(("h", "d", 1)), replace(RULES, percentiles=(0, 90, 100))
    ).judged
    assert judged["floor"][0] > 1
    assert reasons(judged) == {"s": None, "h": None}


def test_a_human_query_without_relevant_or_scored_relevant_passage_is_dropped() -> None:
    scores = scored({q: {"a": 4.0, "b": 3.0} for q in ("h", "i", "j")})
    asked = queries(("h", "human", None), ("i", "human", None), ("j", "human", None))
    judgements = qrels(("h", "a", 1), ("i", "z", 1), ("j", "a", 0))
    assert reasons(distillation_lists(asked, scores, judgements, RULES).judged) == {
        "h": None,
        "i": "positive_not_scored",
        "j": "no_relevant_passage",
    }


def test_synthetic_queries_do_not_look_at_qrels() -> None:
    scores = scored({"q": {"a": 4.0, "b": 3.0}})
    row = only(
        distillation_lists(
            queries(("q", "claim", "a")), scores, qrels(("q", "b", 1)), RULES
        ).lists
    )
    assert row["excluded_id"] == []


def test_human_queries_need_qrels() -> None:
    asked = queries(("q", "claim", "a"), ("h", "human", None))
    match = "1 queries, such as 'h', have no source_passage_id"
    with pytest.raises(ValueError, match=match):
        distillation_lists(asked, scored({}), None, RULES)
    with pytest.raises(ValueError, match=match):
        contrastive_lists(asked, scored({}, "score"), None, RULES)


def test_scores_of_other_queries_are_left_alone() -> None:
    scores = scored({"q": {"a": 4.0, "b": 3.0}, "other": {"a": 400.0, "b": 0.0}})
    lists, judged = distillation_lists(
        queries(("q", "claim", "a")), scores, None, RULES
    )
    assert only(lists)["teacher_score"] == [1.0, 0.0]
    assert len(judged) == 1


def test_nan_is_refused() -> None:
    scores = scored({"q": {"a": 4.0, "b": math.nan}})
    with pytest.raises(ValueError, match="teacher_score must be finite numbers"):
        distillation_lists(queries(("q", "claim", "a")), scores, None, RULES)


def test_all_queries_may_be_dropped() -> None:
    lists, judged = distillation_lists(
        queries(("q", "claim", "a")), scored({}), None, RULES
    )
    assert lists.is_empty()
    assert reasons(judged) == {"q": "no_candidates"}


def test_contrastive_lists_follow_the_run() -> None:
    run = scored({"q": {"b": 0.9, "c": 0.8, "a": 0.7, "d": 0.6}}, "score")
    row = only(contrastive_lists(queries(("q", "claim", "a")), run, None, RULES).lists)
    assert row["passage_id"] == ["a", "b", "c"]
    assert row["teacher_score"] is None
    assert row["excluded_id"] == []


def test_contrastive_lists_have_the_types_of_the_schema() -> None:
    run = scored({"q": {"a": 0.9, "c": 0.8}}, "score")
    lists = contrastive_lists(queries(("q", "claim", "a")), run, None, RULES).lists
    assert lists.schema["teacher_score"] == pl.List(pl.Float32)
    assert lists.schema["passage_id"] == pl.List(pl.String)


def test_contrastive_lists_drop_sources_that_the_run_missed() -> None:
    run = scored({"q": {"b": 0.9, "c": 0.8}}, "score")
    judged = contrastive_lists(queries(("q", "claim", "a")), run, None, RULES).judged
    assert reasons(judged) == {"q": "source_not_retrieved"}


def test_contrastive_lists_add_a_missing_human_positive() -> None:
    run = scored({"h": {"b": 0.9, "c": 0.8, "d": 0.1}}, "score")
    judgements = qrels(("h", "y", 1), ("h", "x", 2))
    row = only(
        contrastive_lists(queries(("h", "human", None)), run, judgements, RULES).lists
    )
    assert row["passage_id"] == ["x", "b", "c"]
    assert row["excluded_id"] == ["y"]
