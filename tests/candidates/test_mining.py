"""Hard negatives against plain loops, and what must hold of them."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.candidates import HardNegatives, mining
from dr_lightning.candidates.mining import choose_negatives
from dr_lightning.candidates.positives import Positives

PASSAGES = [f"p{number}" for number in range(9)]
QUERIES = ["q1", "q2", "q3"]
ALL = HardNegatives()
Lists = dict[str, list[tuple[str, float]]]
Known = list[tuple[str, str, bool]]
scores = st.integers(-8, 16).map(lambda n: n / 8)  # exact in float32
ranked = st.dictionaries(st.sampled_from(PASSAGES), scores, min_size=1).map(
    lambda some: sorted(some.items(), key=lambda pair: -pair[1])
)
lists = st.dictionaries(st.sampled_from(QUERIES), ranked, min_size=1)
known = st.lists(
    st.tuples(st.sampled_from(QUERIES), st.sampled_from(PASSAGES)), unique=True
).map(lambda pairs: [(*pair, not i) for i, pair in enumerate(pairs)])
twins = st.dictionaries(st.sampled_from(PASSAGES[:4]), st.sampled_from(PASSAGES[4:6]))
limits = st.none() | st.sampled_from([-0.25, 0.0, 0.5, 1.0])
counts = st.none() | st.integers(1, 3)
rules = st.builds(
    HardNegatives,
    range_min=st.integers(0, 2),
    range_max=st.none() | st.integers(5, 7),
    max_score=limits,
    min_score=limits,
    absolute_margin=limits,
    relative_margin=limits,
    per_query=counts,
)


def frames(
    by_query: Lists, pairs: Known, groups: dict[str, str]
) -> tuple[pl.DataFrame, Positives]:
    run = pl.DataFrame(
        {
            "query_id": by_query.keys(),
            "passage_id": [[p for p, _ in some] for some in by_query.values()],
            "score": [[s for _, s in some] for some in by_query.values()],
        },
        schema_overrides={"score": pl.List(pl.Float32)},
    )
    columns = {"query_id": pl.String, "passage_id": pl.String, "is_source": pl.Boolean}
    positives = pl.DataFrame(pairs, columns, orient="row")
    twin = {"passage_id": list(groups), "group": list(groups.values())}
    strings = {"passage_id": pl.String, "group": pl.String}
    return run, Positives(positives, pl.DataFrame(twin, strings))


def by_loops(
    query: str,
    some: list[tuple[str, float]],
    pairs: Known,
    groups: dict[str, str],
    rules: HardNegatives,
) -> tuple[list[str], list[str]]:
    """What is left of a list, and the reasons of what is not, step by step."""
    own = {p: source for q, p, source in pairs if q == query}
    stands = {groups.get(p, p) for p in own}
    reasons = {}
    for passage, _ in some:
        if passage not in own and groups.get(passage, passage) in stands:
            reasons[passage] = "duplicate of a positive"
    free = [(p, s) for p, s in some if p not in own and p not in reasons]
    sources = [s for p, s in some if own.get(p)]
    bests = [s for p, s in some if p in own]
    positive = sources[0] if sources else max(bests, default=None)
    left = []
    for nth, (passage, score) in enumerate(free, 1):
        broken = [why for why, bad in _limits(rules, nth, score, positive) if bad]
        if broken:
            reasons[passage] = broken[0]
        else:
            left.append(passage)
    for passage in left[: rules.range_min]:
        reasons[passage] = "range_min"
    stop = None if rules.per_query is None else rules.range_min + rules.per_query
    for passage in left[stop:] if stop is not None else []:
        reasons.setdefault(passage, "per_query")
    return [p for p, _ in some if p not in reasons], sorted(reasons.values())


def _limits(
    rules: HardNegatives, nth: int, score: float, positive: float | None
) -> list[tuple[str, bool]]:
    """Reasons to remove a candidate, in order, and whether each holds."""
    absolute = relative = None
    if positive is not None and rules.absolute_margin is not None:
        absolute = positive - rules.absolute_margin
    if positive is not None and rules.relative_margin is not None:
        relative = positive - abs(positive) * rules.relative_margin
    return [
        ("range_max", nth > (rules.range_max or nth)),
        ("absolute_margin", absolute is not None and score > absolute),
        ("relative_margin", relative is not None and score > relative),
        ("max_score", rules.max_score is not None and score > rules.max_score),
        ("min_score", rules.min_score is not None and score < rules.min_score),
    ]


@settings(max_examples=150, deadline=None)
@given(by_query=lists, pairs=known, groups=twins, rules=rules)
def test_negatives_are_chosen_as_defined(
    by_query: Lists, pairs: Known, groups: dict[str, str], rules: HardNegatives
) -> None:
    mined = choose_negatives(*frames(by_query, pairs, groups), rules)
    expected = {
        q: by_loops(q, some, pairs, groups, rules) for q, some in by_query.items()
    }
    kept = {query: ids for query, (ids, _) in expected.items() if ids}
    assert dict(mined.run.select("query_id", "passage_id").iter_rows()) == kept
    reasons = sorted(why for _, whys in expected.values() for why in whys)
    assert sorted(why for why, n in mined.removed.items() for _ in range(n)) == reasons
    scored = {(q, p): s for q, some in by_query.items() for p, s in some}
    for query, ids, values in mined.run.iter_rows():
        assert values == [scored[query, passage] for passage in ids]


@settings(max_examples=40, deadline=None)
@given(by_query=lists, pairs=known, seed=st.integers(0, 5), size=st.integers(1, 4))
def test_draws_depend_on_the_query_and_the_seed_alone(
    by_query: Lists, pairs: Known, seed: int, size: int
) -> None:
    drawn = HardNegatives(per_query=size, sampling="random", seed=seed)
    run, positives = frames(by_query, pairs, {})
    whole = choose_negatives(run, positives, drawn).run
    backwards = choose_negatives(run.reverse(), positives, drawn).run
    assert backwards.reverse().equals(whole)
    for row in run.iter_slices(1):
        alone = choose_negatives(row, positives, drawn).run
        assert alone.equals(whole.filter(pl.col("query_id") == row["query_id"][0]))
    own = {(query, passage) for query, passage, _ in pairs}
    for query, ids, values in whole.iter_rows():
        offered = [p for p, _ in by_query[query] if (query, p) not in own]
        assert len([p for p in ids if p in offered]) == min(size, len(offered))
        assert [p for p, _ in by_query[query] if p in ids] == ids
        assert values == sorted(values, reverse=True)


def test_another_seed_draws_others() -> None:
    many = {f"q{n}": [(p, 0.5) for p in PASSAGES] for n in range(20)}
    run, positives = frames(many, [], {})
    drawn = [
        choose_negatives(
            run, positives, HardNegatives(per_query=3, sampling="random", seed=seed)
        ).run
        for seed in (1, 2)
    ]
    assert not drawn[0].equals(drawn[1])
    assert drawn[0]["passage_id"].n_unique() > 10


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    by_query = {q: [(p, 1 - i / 8) for i, p in enumerate(PASSAGES)] for q in QUERIES}
    run, positives = frames(by_query, [("q1", "p3", True)], {"p4": "p3"})
    wanted = HardNegatives(absolute_margin=0.0, range_min=1)
    whole = choose_negatives(run, positives, wanted)
    monkeypatch.setattr(mining, "BLOCK", 1)
    blocks = choose_negatives(run, positives, wanted)
    assert blocks.run.equals(whole.run)
    assert blocks.removed == whole.removed
    assert blocks.without_margin == whole.without_margin == 2


def test_duplicates_of_positives_are_no_negatives_whoever_stands_for_whom() -> None:
    some = {"q1": [(p, 0.5) for p in PASSAGES]}
    groups = {"p1": "p0", "p2": "p0", "p4": "p3", "p6": "p5"}
    pairs = [("q1", "p1", True), ("q1", "p3", False), ("q1", "p7", False)]
    mined = choose_negatives(*frames(some, pairs, groups), ALL)
    # p0 and p2 are as p1, p4 as p3; p5 and p6 are duplicates, but of no positive.
    assert mined.run["passage_id"][0].to_list() == ["p1", "p3", "p5", "p6", "p7", "p8"]
    assert mined.removed == {"duplicate of a positive": 3}


def test_a_query_whose_positive_was_not_retrieved_has_no_margin() -> None:
    some = {"q1": [("p0", 0.9), ("p1", 0.5)], "q2": [("p0", 0.9), ("p1", 0.5)]}
    pairs = [("q1", "p1", True), ("q2", "p8", True)]
    margin = HardNegatives(absolute_margin=0.0)
    mined = choose_negatives(*frames(some, pairs, {}), margin)
    assert mined.run["passage_id"].to_list() == [["p1"], ["p0", "p1"]]
    assert (mined.without_margin, mined.removed) == (1, {"absolute_margin": 1})
    assert choose_negatives(*frames(some, pairs, {}), ALL).without_margin == 0


def test_queries_short_of_negatives_are_counted() -> None:
    some = {"q1": [("p0", 0.9), ("p1", 0.5)], "q2": [("p0", 0.9)]}
    mined = choose_negatives(*frames(some, [], {}), HardNegatives(per_query=2))
    assert mined.short == 1


def test_an_empty_run_stays_empty() -> None:
    run, positives = frames({"q1": [("p0", 0.5)]}, [], {})
    mined = choose_negatives(run.clear(), positives, HardNegatives(per_query=1))
    assert mined.run.is_empty()
    assert mined.removed == {}
