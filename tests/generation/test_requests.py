"""Tasks and prompts follow from (seed, passage id, type), whatever else is asked."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_lightning.generation.prompts import Prompts
from dr_lightning.generation.query_type import load_query_types
from dr_lightning.generation.requests import Amounts, check_unique, plan, query_id

IDS = [f"p{row}" for row in range(40)]
TYPES = ["claim", "question", "title"]
PROMPTS = Prompts(load_query_types([*TYPES, "search"]), seed=13)


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


def test_another_seed_draws_others() -> None:
    drawn = [set(plan(IDS, TYPES, Amounts(9, seed=s))["passage_id"]) for s in (1, 2)]
    assert drawn[0] != drawn[1]


def test_a_prompt_does_not_hang_on_the_order_of_requests() -> None:
    asked = [(i, "", i, t, n) for i in IDS[:9] for t in TYPES for n in range(2)]
    first = {row: PROMPTS.request(*row) for row in asked}
    asked.sort(key=hash)
    alone = Prompts(load_query_types(["title"]), seed=13)
    for row in asked:
        assert PROMPTS.request(*row) == first[row]
        if row[3] == "title":
            assert alone.request(*row) == first[row]


def test_prompts_differ_by_passage_type_number_and_seed() -> None:
    other = Prompts(PROMPTS.types, seed=14)
    requests = [
        PROMPTS.request(i, "", "x", t, n) for i in IDS for t in TYPES for n in (0, 1)
    ]
    requests += [other.request(i, "", "x", "title", 0) for i in IDS]
    assert len({request.seed for request in requests}) == len(requests)
    assert len({str(r.shots) for r in requests if r.query_type == "title"}) > 60


def test_examples_are_three_of_the_pool_or_none() -> None:
    queries = {e.query for e in PROMPTS.types["title"].examples}
    used: set[str] = set()
    for passage in IDS * 2:
        shots = PROMPTS.request(passage, "", "x", "title", 0).shots
        drawn = [m["content"] for m in shots if m["role"] == "assistant"]
        assert len(set(drawn)) == 3
        used |= set(drawn)
    assert used == queries
    assert len(PROMPTS.request("p", "", "x", "search", 0).shots) == 1


def test_example_sets_are_shared() -> None:
    few = Prompts(PROMPTS.types, 13, example_sets=2)
    shots = [str(few.request(i, "", "x", "title", 0).shots) for i in IDS]
    assert len(set(shots)) == 2
    assert min(map(shots.count, shots)) > len(IDS) // 4


def test_a_type_that_takes_no_chat_has_no_shots() -> None:
    request = Prompts({}, 13).request("p", "t", "x", "cloze", 0)
    assert (request.shots, request.ask, request.title) == ((), "{passage}", "t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passages": 0}, "passages must be at least 1, or null for all, but got 0"),
        ({"types_per_passage": 0}, "types_per_passage must be at least 1"),
        ({"per_type": 0}, "per_type must be at least 1, but got 0"),
    ],
)
def test_bad_amounts_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Amounts(**options)


def test_bad_number_of_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="example_sets must be at least 1"):
        Prompts({}, 13, example_sets=0)


def test_a_collision_of_ids_is_refused() -> None:
    ids = [query_id(passage, "title", 0, digits=1) for passage in IDS]
    with pytest.raises(ValueError, match="two queries got the id 'title-"):
        check_unique(pl.Series(ids))
