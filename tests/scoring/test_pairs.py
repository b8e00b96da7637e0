"""Fail-fast scoring asks for fewer pairs and gives the same training lists."""

from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.curation.lists import Curated, distillation_lists
from dr_lightning.curation.rules import ListRules
from dr_lightning.scoring.pairs import CHUNK, score_lists
from tests.scoring.tables import Pair, Table

TEXTS = {f"p{row}": f"passage {row}" for row in range(30)}
PASSAGES = pl.DataFrame({"passage_id": list(TEXTS), "passage": list(TEXTS.values())})
# Few values, so that ties abound; two of them are one number in float32.
VALUES = [-1.5, 0.0, 1.0, 1.0 + 1e-9, 2.25, 7.0]


@dataclass
class Case:
    """Queries with their candidates, and what the teacher thinks of them."""

    queries: pl.DataFrame
    qrels: pl.DataFrame
    lists: pl.DataFrame
    table: dict[Pair, float]
    rules: ListRules


@st.composite
def cases(draw: st.DrawFn) -> Case:
    ids = [f"q{row}" for row in range(draw(st.integers(1, 7)))]
    some = st.lists(st.sampled_from(list(TEXTS)), unique=True, min_size=1)
    rows = []
    for name in ids:
        candidates = draw(some)
        anywhere = st.none() | st.sampled_from(candidates) | st.sampled_from([*TEXTS])
        text = draw(st.sampled_from([name, "asked twice"]))
        kind = draw(st.sampled_from(["claim", "title"]))
        rows.append((name, text, kind, draw(anywhere), candidates))
    schema = ["query_id", "text", "query_type", "source_passage_id", "passage_id"]
    types = {"source_passage_id": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row", schema_overrides=types)
    random = draw(st.randoms(use_true_random=False))
    table = {
        (text, passage): random.choice(VALUES)
        for text in set(frame["text"])
        for passage in TEXTS.values()
    }
    qrels = [(name, random.choice([*TEXTS]), 1) for name in ids]
    return Case(
        queries=frame.drop("passage_id"),
        qrels=pl.DataFrame(
            qrels, ["query_id", "passage_id", "relevance"], orient="row"
        ),
        lists=frame.drop("query_type"),
        table=table,
        rules=ListRules(
            list_length=draw(st.integers(2, 20)),
            min_candidates=draw(st.integers(1, 15)),
            drop_low_best=draw(st.booleans()),
        ),
    )


def curated(case: Case, fail_fast: bool) -> Curated | str:
    """Training lists, or why there are none."""
    scored = score_lists(Table(case.table), case.lists, PASSAGES, fail_fast)
    try:
        return distillation_lists(case.queries, scored.lists, case.qrels, case.rules)
    except ValueError as error:
        return str(error)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_training_lists_are_those_of_scoring_everything(case: Case) -> None:
    """Lists, reasons and percentiles; only the depth of dropped queries differs."""
    fast, full = curated(case, fail_fast=True), curated(case, fail_fast=False)
    if isinstance(full, str) or isinstance(fast, str):
        assert fast == full
        return
    assert fast.lists.equals(full.lists)
    told = ["query_id", "query_type", "reason", "low", "floor", "high"]
    assert fast.judged.select(told).equals(full.judged.select(told))
    passed = pl.col("reason").is_null() | (pl.col("reason") == "best_score_low")
    assert fast.judged.filter(passed).equals(full.judged.filter(passed))


@given(cases(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_reused_scores_give_what_scoring_anew_gives(
    case: Case, fail_fast: bool
) -> None:
    earlier = case.lists.with_columns(pl.col("passage_id").list.reverse().list.head(9))
    known = score_lists(Table(case.table), earlier, PASSAGES).lists
    anew = score_lists(Table(case.table), case.lists, PASSAGES, fail_fast)
    teacher = Table(case.table)
    again = score_lists(teacher, case.lists, PASSAGES, fail_fast, known)
    assert again.lists.equals(anew.lists)
    assert again.amounts["not_needed"] == anew.amounts["not_needed"]
    asked = again.amounts["pairs"] + again.amounts["reused"]
    assert asked == anew.amounts["pairs"]
    assert len(teacher.seen) == again.amounts["pairs"] == len(set(teacher.seen))


def one(source: str | None, depth: int = 30) -> pl.DataFrame:
    """One query with the first passages as candidates."""
    return pl.DataFrame(
        {"query_id": ["q"], "text": "how?", "source_passage_id": [source]},
        schema_overrides={"source_passage_id": pl.String},
    ).with_columns(passage_id=pl.lit(list(TEXTS)[:depth]))


def asked(scores: dict[str, float], source: str | None, depth: int = 30) -> list[int]:
    """Rows of the passages that the teacher was asked about."""
    table = {("how?", TEXTS[name]): score for name, score in scores.items()}
    teacher = Table(table)
    score_lists(teacher, one(source, depth), PASSAGES, fail_fast=True)
    return sorted(int(passage.split()[1]) for _, passage in teacher.seen)


def test_source_and_top_three_are_scored_first() -> None:
    assert asked({"p2": 1.0}, source="p20") == [0, 1, 2, 20]


def test_the_next_eight_come_second() -> None:
    """The source is the second candidate, so the others are p0 and p2 to p11."""
    assert asked({"p1": 1.0, "p11": 2.0}, source="p1") == list(range(12))


def test_a_tie_or_a_double_that_rounds_to_one_beats_nothing() -> None:
    assert asked({"p20": 1.0, "p0": 1.0, "p5": 1.0 + 1e-9}, "p20") == list(range(30))


def test_query_without_a_source_is_scored_in_full() -> None:
    assert asked({"p0": 1.0}, source=None) == list(range(30))


def test_query_whose_source_is_no_candidate_costs_one_pair() -> None:
    assert asked({}, source="p29", depth=20) == [0]


def test_beaten_query_keeps_what_was_scored() -> None:
    teacher = Table({("how?", "passage 2"): 1.0})
    scored = score_lists(teacher, one("p20"), PASSAGES, fail_fast=True)
    assert scored.lists.row(0) == (
        "q",
        ["p2", "p0", "p1", "p20"],
        [1.0, 0.0, 0.0, 0.0],
    )
    assert scored.amounts["not_needed"] == 26


def test_known_score_holds_for_equal_texts() -> None:
    """p1 has the text of p0, whose score is known: both get it, so they tie."""
    passages = pl.DataFrame({"passage_id": ["p0", "p1"], "passage": ["same", "same"]})
    known = pl.DataFrame(
        {"query_id": ["q"], "passage_id": [["p0"]], "teacher_score": [[4.0]]}
    )
    teacher = Table({})
    scored = score_lists(teacher, one(None, 2), passages, known=known)
    assert scored.lists["teacher_score"].to_list() == [[4.0, 4.0]]
    assert (teacher.seen, scored.amounts["reused"]) == ([], 1)


def test_progress_is_told_in_chunks_of_like_length() -> None:
    names = [f"p{row}" for row in range(2 * CHUNK + 5)]
    texts = ["x" * (row % 50) + str(row) for row in range(len(names))]
    passages = pl.DataFrame({"passage_id": names, "passage": texts})
    lists = one(None).with_columns(passage_id=pl.lit(names))
    told: list[int] = []
    teacher = Table({})
    score_lists(teacher, lists, passages, advance=told.append)
    assert told == [CHUNK, CHUNK, 5]
    lengths = [len(passage) for _, passage in teacher.seen]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_score_that_is_no_number_is_refused(value: float) -> None:
    teacher = Table({("how?", "passage 1"): value})
    with pytest.raises(ValueError, match=r"gave (nan|inf) for query 'q' and .* 'p1'"):
        score_lists(teacher, one(None, 3), PASSAGES)
