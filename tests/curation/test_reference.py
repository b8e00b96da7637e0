"""Lists agree with a slow reference: the rules of the design as plain Python loops."""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.curation.lists import Curated, contrastive_lists, distillation_lists
from dr_lightning.curation.rules import ListRules
from dr_lightning.curation.scores import average_teachers

PASSAGES = "abcdefghij"

Scores = dict[str, dict[str, float]]
"""Query -> passage -> score, in the order of the file."""


@dataclass
class Query:
    query_type: str
    source: str | None
    relevant: dict[str, int] = field(default_factory=dict)


class Made(NamedTuple):
    """A training list."""

    passages: list[str]
    scores: list[float] | None
    excluded: set[str]


Fate = Made | str
"""What becomes of a query: a list, or the reason why not."""


@dataclass
class Case:
    queries: dict[str, Query]
    teachers: list[Scores]
    rules: ListRules


class Flat(Exception):  # noqa: N818
    """A query type has no spread."""


def percentile(values: list[float], percent: float) -> float:
    values = sorted(values)
    position = percent / 100 * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (position - below) * (values[above] - values[below])


def ends(values: list[float], rules: ListRules) -> list[float]:
    found = [percentile(values, percent) for percent in rules.percentiles]
    if found[0] >= found[2]:
        raise Flat
    return found


def slow_average(case: Case) -> Scores:
    """Each teacher on its own scale, mean over the candidates that all scored."""
    if len(case.teachers) == 1:
        return case.teachers[0]
    shared = {
        query: [p for p in row if all(p in t.get(query, {}) for t in case.teachers)]
        for query, row in case.teachers[0].items()
        if query in case.queries
    }
    total: Scores = {query: dict.fromkeys(shared[query], 0.0) for query in shared}
    for teacher in case.teachers:
        for query_type in {case.queries[query].query_type for query in shared}:
            mine = [q for q in shared if case.queries[q].query_type == query_type]
            scores = [teacher[q][p] for q in mine for p in shared[q]]
            if not scores:
                continue
            low, _, high = ends(scores, case.rules)
            for query in mine:
                for passage in shared[query]:
                    normal = (teacher[query][passage] - low) / (high - low)
                    total[query][passage] += normal
    return {
        query: dict(
            sorted(
                ((p, score / len(case.teachers)) for p, score in row.items()),
                key=lambda pair: -pair[1],
            )
        )
        for query, row in total.items()
    }


def pick_positive(query: Query, row: dict[str, float], least: int) -> str | None:
    """The source, or the relevant passage with the highest score, relevance, id."""
    if query.source is not None:
        return query.source
    known = [p for p, relevance in query.relevant.items() if relevance >= least]
    known.sort(key=lambda p: (-row.get(p, -1e9), -query.relevant[p], p))
    return known[0] if known else None


def slow_reason(case: Case, name: str, row: dict[str, float], taught: bool) -> str:
    """Why a query stops at step 1; empty if it passes."""
    rules, query = case.rules, case.queries[name]
    human = query.source is None
    positive = pick_positive(query, row, rules.min_relevance)
    if positive is None:
        return "no_relevant_passage"
    if not row:
        return "no_candidates"
    if positive not in row and taught:
        return "positive_not_scored"
    if positive not in row and not human:
        return "source_not_retrieved"
    filtered = taught and not human and rules.drop_beaten_source
    if filtered and row[positive] < max(row.values()):
        return "source_beaten"
    return "too_few_candidates" if len(row) < rules.min_candidates else ""


def slow_list(case: Case, name: str, row: dict[str, float]) -> Made:
    """The list without its scores."""
    rules, query = case.rules, case.queries[name]
    first = pick_positive(query, row, rules.min_relevance)
    assert first is not None
    others = [p for p in list(row)[: rules.depth] if p != first]
    known = {p for p, r in query.relevant.items() if r >= rules.min_relevance}
    excluded = set() if query.source is not None else known - {first}
    return Made([first, *others[: rules.list_length - 1]], None, excluded)


def slow_contrastive(case: Case, scores: Scores) -> dict[str, Fate]:
    fate: dict[str, Fate] = {}
    for name in case.queries:
        row = scores.get(name, {})
        reason = slow_reason(case, name, row, taught=False)
        fate[name] = reason or slow_list(case, name, row)
    return fate


def slow_distillation(case: Case, scores: Scores) -> dict[str, Fate]:
    rules = case.rules
    rows = {name: scores.get(name, {}) for name in case.queries}
    fate: dict[str, Fate] = {
        name: slow_reason(case, name, row, taught=True) for name, row in rows.items()
    }
    pooled: dict[str, list[float]] = {}
    for name, reason in fate.items():
        if not reason:
            values = list(rows[name].values())[: rules.depth]
            pooled.setdefault(case.queries[name].query_type, []).extend(values)
    scale = {query_type: ends(values, rules) for query_type, values in pooled.items()}
    for name in [name for name, reason in fate.items() if not reason]:
        low, floor, high = scale[case.queries[name].query_type]
        synthetic = case.queries[name].source is not None
        if synthetic and rules.drop_low_best and max(rows[name].values()) < floor:
            fate[name] = "best_score_low"
            continue
        made = slow_list(case, name, rows[name])
        normal = [(rows[name][p] - low) / (high - low) for p in made.passages]
        clipped = [min(max(score, 0.0), 1.0) for score in normal]
        fate[name] = made._replace(scores=clipped)
    return fate


@st.composite
def ranked(draw: st.DrawFn) -> dict[str, float]:
    """Few whole scores, so that ties are common; best first, ties in any order."""
    passages = draw(st.permutations(PASSAGES))[: draw(st.integers(2, 8))]
    size = len(passages)
    scores = draw(st.lists(st.integers(-2, 4), min_size=size, max_size=size))
    pairs = sorted(zip(passages, scores, strict=True), key=lambda pair: -pair[1])
    return {passage: float(score) for passage, score in pairs}


@st.composite
def rules(draw: st.DrawFn) -> ListRules:
    least = draw(st.integers(1, 4))
    return ListRules(
        list_length=draw(st.integers(2, 6)),
        min_candidates=least,
        depth=draw(st.none() | st.integers(least, 6)),
        percentiles=draw(st.sampled_from([(1, 25, 99), (0, 75, 100), (25, 50, 75)])),
        drop_beaten_source=draw(st.booleans()),
        drop_low_best=draw(st.booleans()),
        min_relevance=draw(st.integers(1, 2)),
    )


@st.composite
def query(draw: st.DrawFn, row: dict[str, float]) -> Query:
    """A human query, or one whose source is mostly among the first candidates."""
    near = list(row)[:2] or [PASSAGES[0]]
    return Query(
        draw(st.sampled_from(["claim", "title"])),
        draw(st.sampled_from([*near, *near, None, None, "elsewhere"])),
        draw(st.dictionaries(st.sampled_from(PASSAGES), st.integers(0, 2))),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = [f"q{i}" for i in range(draw(st.integers(2, 7)))]
    scored = st.sampled_from([True] * 9 + [False])
    teachers = [
        {name: draw(ranked()) for name in [*names, "unknown"] if draw(scored)}
        for _ in range(draw(st.integers(1, 3)))
    ]
    queries = {name: draw(query(teachers[0].get(name, {}))) for name in names}
    return Case(queries, teachers, draw(rules()))


def query_frame(case: Case, shuffle: random.Random) -> pl.DataFrame:
    rows = [(n, f"text {n}", q.query_type, q.source) for n, q in case.queries.items()]
    shuffle.shuffle(rows)
    names = ["query_id", "text", "query_type", "source_passage_id"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def qrels_frame(case: Case, shuffle: random.Random) -> pl.DataFrame:
    rows = [
        (name, passage, relevance)
        for name, query in case.queries.items()
        for passage, relevance in query.relevant.items()
    ]
    shuffle.shuffle(rows)
    schema = {"query_id": pl.String, "passage_id": pl.String, "relevance": pl.Int64}
    return pl.DataFrame(rows, schema=pl.Schema(schema), orient="row")


def score_frame(scores: Scores, column: str, shuffle: random.Random) -> pl.DataFrame:
    rows = [(name, list(row), list(row.values())) for name, row in scores.items()]
    shuffle.shuffle(rows)
    schema = pl.Schema(
        {
            "query_id": pl.String(),
            "passage_id": pl.List(pl.String),
            column: pl.List(pl.Float32),
        }
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


def as_fate(made: Curated) -> dict[str, Fate]:
    reasons = made.judged.drop_nulls("reason").select("query_id", "reason")
    fate: dict[str, Fate] = dict(reasons.iter_rows())
    rows = made.lists.select("query_id", "passage_id", "teacher_score", "excluded_id")
    for name, passages, scores, excluded in rows.iter_rows():
        fate[name] = Made(passages, scores, set(excluded))
    return fate


def check(found: dict[str, Fate], expected: dict[str, Fate]) -> None:
    assert found.keys() == expected.keys()
    for name, fate in expected.items():
        mine = found[name]
        if isinstance(fate, str) or isinstance(mine, str):
            assert mine == fate, name
            continue
        assert (mine.passages, mine.excluded) == (fate.passages, fate.excluded)
        assert mine.scores == pytest.approx(fate.scores, abs=1e-6)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_distillation_lists_agree(case: Case, shuffle: random.Random) -> None:
    queries, qrels = query_frame(case, shuffle), qrels_frame(case, shuffle)
    teachers = [score_frame(t, "teacher_score", shuffle) for t in case.teachers]

    def curate() -> Curated:
        scores, _ = average_teachers(queries, teachers, case.rules)
        return distillation_lists(queries, scores, qrels, case.rules)

    try:
        expected = slow_distillation(case, slow_average(case))
    except Flat:
        with pytest.raises(ValueError, match="do not spread"):
            curate()
        return
    made = curate()
    assert made.judged["query_id"].to_list() == queries["query_id"].to_list()
    check(as_fate(made), expected)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_contrastive_lists_agree(case: Case, shuffle: random.Random) -> None:
    queries, qrels = query_frame(case, shuffle), qrels_frame(case, shuffle)
    run = score_frame(case.teachers[0], "score", shuffle)
    made = contrastive_lists(queries, run, qrels, case.rules)
    check(as_fate(made), slow_contrastive(case, case.teachers[0]))
