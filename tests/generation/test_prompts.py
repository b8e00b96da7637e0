"""A prompt follows from (seed, passage id, type, number), whatever else is asked."""

import pytest

from dr_lightning.generation.prompts import Prompts
from dr_lightning.generation.query_type import load_query_types

IDS = [f"p{row}" for row in range(40)]
TYPES = ["claim", "question", "title"]
PROMPTS = Prompts(load_query_types([*TYPES, "search"]), seed=13)


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


def test_bad_number_of_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="example_sets must be at least 1"):
        Prompts({}, 13, example_sets=0)
