"""The contract: what is accepted, what is refused and with which words."""

import logging
from typing import Any

import polars as pl
import pytest

from dr_lightning.schemas import (
    CORPUS,
    DROPPED,
    QRELS,
    QUERIES,
    RUN,
    TEACHER_SCORES,
    TRAINING_LISTS,
    Schema,
    check,
)

ROWS: dict[str, dict[str, list[Any]]] = {
    "corpus": {"passage_id": ["a", "b"], "title": ["", "t"], "text": ["x", ""]},
    "dropped": {
        "passage_id": ["a", "b"],
        "reason": ["too_short", "equal"],
        "representative_id": [None, "c"],
    },
    "queries": {
        "query_id": ["p", "q"],
        "text": ["who", "why"],
        "query_type": ["human", "claim"],
        "source_passage_id": [None, "a"],
    },
    "qrels": {"query_id": ["q", "q"], "passage_id": ["a", "b"], "relevance": [2, -1]},
    "run": {
        "query_id": ["p", "q"],
        "passage_id": [["a", "b"], ["b"]],
        "score": [[0.75, 0.75], [-0.5]],
    },
    "teacher_scores": {
        "query_id": ["p", "q"],
        "passage_id": [["a", "b"], ["b"]],
        "teacher_score": [[7.5, -3.0], [0.0]],
    },
    "training_lists": {
        "query_id": ["p", "q"],
        "text": ["who", "why"],
        "query_type": ["human", "claim"],
        "passage_id": [["a", "b", "c"], ["b"]],
        "teacher_score": [[0.25, 1.0, 0.5], None],
        "excluded_id": [["c"], []],
    },
}
SCHEMAS = (CORPUS, DROPPED, QUERIES, QRELS, RUN, TEACHER_SCORES, TRAINING_LISTS)


def frame(schema: Schema, **changes: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(ROWS[schema.name] | changes, strict=False)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_good_frame_gets_the_contract_s_columns_and_types(schema: Schema) -> None:
    shuffled = frame(schema).select(reversed(list(schema.columns)))
    assert dict(check(shuffled, schema, "f").schema) == dict(schema.columns)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_no_rows_keep_every_contract(schema: Schema) -> None:
    assert check(frame(schema).clear(), schema, "f").is_empty()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_missing_column_is_named_with_those_there_are(schema: Schema) -> None:
    missing, *found = schema.columns
    match = f"^f.parquet: missing column '{missing}' of {schema.name}; found {found[0]}"
    with pytest.raises(ValueError, match=f"{match}.*`{schema.written_by}`"):
        check(frame(schema).drop(missing), schema, "f.parquet")


def test_other_columns_are_left_out_and_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        checked = check(frame(QRELS, rank=[1, 2]), QRELS, "f.parquet")
    assert checked.columns == ["query_id", "passage_id", "relevance"]
    assert caplog.messages == ["f.parquet: leaves out columns rank"]


def test_integer_ids_become_strings_alone_and_in_lists() -> None:
    run = frame(RUN, query_id=[7, 8], passage_id=[[1, 2], [3]])
    assert check(run, RUN, "f")["passage_id"].to_list() == [["1", "2"], ["3"]]


def test_categories_and_arrays_are_accepted() -> None:
    run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a"]], "score": [[1]]})
    run = run.with_columns(
        pl.col("query_id").cast(pl.Categorical), pl.col("score").list.to_array(1)
    )
    assert check(run, RUN, "f").row(0) == ("q", ["a"], [1.0])


def test_a_column_of_nulls_alone_is_a_teacher_that_is_not_there() -> None:
    lists = frame(TRAINING_LISTS, teacher_score=[None, None])
    assert check(lists, TRAINING_LISTS, "f")["teacher_score"].null_count() == 2


def test_scores_are_rounded_to_float32() -> None:
    score = check(frame(RUN, score=[[0.1, 0.1 - 1e-12], [0.0]]), RUN, "f")["score"]
    assert score[0][0] == score[0][1] == pl.Series([0.1], dtype=pl.Float32)[0]


@pytest.mark.parametrize(
    ("schema", "column", "values", "wanted", "found"),
    [
        (QRELS, "relevance", [1.0, 0.0], "Int64", "Float64"),
        (QRELS, "relevance", ["1", "0"], "Int64", "String"),
        (QRELS, "passage_id", [1.0, 2.0], "String", "Float64"),
        (RUN, "passage_id", ["a", "b"], r"List\(String\)", "String"),
        (RUN, "score", [["1", "0"], ["1"]], r"List\(Float32\)", r"List\(String\)"),
        (CORPUS, "text", [[1], [2]], "String", r"List\(Int64\)"),
    ],
)
def test_a_type_that_would_lose_something_is_refused(
    schema: Schema, column: str, values: list[Any], wanted: str, found: str
) -> None:
    match = f"f: column '{column}' of {schema.name} must be {wanted}, but is {found}"
    with pytest.raises(ValueError, match=match):
        check(frame(schema, **{column: values}), schema, "f")


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("schema", "column", "values", "fault"),
    [
        (CORPUS, "text", ["x", None], r"is null in row 2 \(passage_id 'b'\)"),
        (CORPUS, "passage_id", ["a", None], "is null in row 2"),
        (CORPUS, "passage_id", ["a", ""], "is empty in row 2"),
        (CORPUS, "passage_id", ["a", "a"], "occurs more than once in row 1"),
        (QUERIES, "query_id", ["q", "q"], "occurs more than once in row 1"),
        (QUERIES, "source_passage_id", [None, ""], "is empty in row 2"),
        (QUERIES, "query_type", [None, "claim"], "is null in row 1"),
        (QRELS, "relevance", [1, None], "is null in row 2"),
        (RUN, "query_id", ["q", "q"], "occurs more than once in row 1"),
        (RUN, "passage_id", [["a", "b"], None], "is null in row 2"),
        (RUN, "passage_id", [["a", "b"], []], "is an empty list in row 2"),
        (RUN, "passage_id", [["a", "b"], [None]], "has a null or empty id in row 2"),
        (RUN, "passage_id", [["a", ""], ["b"]], "has a null or empty id in row 1"),
        (RUN, "passage_id", [["a", "a"], ["b"]], "has a passage twice in row 1"),
        (RUN, "score", [[1, 0], [1, 0]], "is not as long as passage_id in row 2"),
        (RUN, "score", [[0, 1], [1]], "does not descend in row 1"),
        (RUN, "score", [[1, 0], [NAN]], "has a null, NaN or infinite score in row 2"),
        (RUN, "score", [[INF, 0], [1]], "has a null, NaN or infinite score in row 1"),
        (RUN, "score", [[1, None], [1]], "has a null, NaN or infinite score in row 1"),
        (RUN, "score", [[1e39, 0], [1]], "has a null, NaN or infinite score in row 1"),
        (TEACHER_SCORES, "teacher_score", [[0, 1], [1]], "does not descend in row 1"),
        (TEACHER_SCORES, "query_id", ["q", "q"], "occurs more than once"),
        (
            TRAINING_LISTS,
            "teacher_score",
            [[1, 0.5, 0.75], None],
            "does not descend after the positive in row 1",
        ),
        (TRAINING_LISTS, "teacher_score", [[1.5, 1, 0], None], "is outside 0..1"),
        (TRAINING_LISTS, "teacher_score", [[1, 0, -0.5], None], "is outside 0..1"),
        (TRAINING_LISTS, "teacher_score", [[1, 0, NAN], None], "has a null, NaN or"),
        (
            TRAINING_LISTS,
            "excluded_id",
            [["c"], ["x", "b"]],
            "has the list's own positive in row 2",
        ),
        (TRAINING_LISTS, "excluded_id", [["c"], None], "is null in row 2"),
    ],
)
def test_a_bad_row_is_named(
    schema: Schema, column: str, values: list[Any], fault: str
) -> None:
    match = rf"^f: {column} of {schema.name} {fault}.*Mend it.*`{schema.written_by}`"
    with pytest.raises(ValueError, match=match):
        check(frame(schema, **{column: values}), schema, "f")


def test_a_judged_pair_may_stand_once_only() -> None:
    qrels = frame(QRELS, passage_id=["a", "a"])
    match = "query_id, passage_id of qrels occurs more than once in row 1.* and 1 other"
    with pytest.raises(ValueError, match=match):
        check(qrels, QRELS, "f")


def test_null_ids_do_not_hide_a_repeat_of_none() -> None:
    with pytest.raises(ValueError, match="is null in row 1"):
        check(frame(CORPUS, passage_id=[None, None]), CORPUS, "f")
