"""The estimate of a plan, from rates that are easy to multiply."""

from dataclasses import replace

import pytest

from dr_lightning.specialization.options import read
from dr_lightning.specialization.plan import estimate
from dr_lightning.specialization.probe import Rates, WriterRates
from tests.specialization.conftest import Configure

RATES = Rates(
    passages=1000,
    unique=900,
    test_queries=10,
    writers={
        "generate": WriterRates(5, 400, 15, query_seconds=2.0),
        "generate_rules": WriterRates(2, 0, 0, query_seconds=0.001),
    },
    encode_seconds=0.1,
    pair_seconds={None: 0.05},
)


def test_costs_are_counts_times_rates(configure: Configure) -> None:
    """60 queries, 6 candidates, 2 epochs; lists of 8, as the config of `fit` has it."""
    settings = read(["--config", str(configure())])
    costs = estimate(settings, RATES)
    assert costs["generate"].seconds == 120
    assert "24,000 tokens read, 900 written" in costs["generate"].work
    assert costs["retrieve"].seconds == 100
    assert costs["score"].seconds == 60 * 6 * 0.05
    assert costs["fit"].seconds == 2 * 60 * 8 * 4 * 0.1


def test_no_more_queries_than_passages_and_types(configure: Configure) -> None:
    settings = read(["--config", str(configure()), "--budget.queries", "100000"])
    assert estimate(settings, RATES)["generate"].work.startswith("4,500 queries")


def test_queries_of_all_writers_are_counted(configure: Configure) -> None:
    """60 of the first, and 1,800 of the second: two types of 900 passages."""
    rules = {"llm": "Extractive", "queries": 5000}
    config = configure(more_queries={"rules": rules})
    costs = estimate(read(["--config", str(config)]), RATES)
    assert costs["generate"].seconds == 120
    assert costs["generate_rules"].work == "1,800 queries"
    assert costs["generate_rules"].seconds == 1.8
    assert costs["score"].seconds == pytest.approx(1860 * 6 * 0.05)


def test_the_teacher_s_bound_is_counted_where_it_is_asked(configure: Configure) -> None:
    options = ["--test.split", "test", "--test.teacher_depth", "20"]
    settings = read(["--config", str(configure()), *options])
    assert estimate(settings, RATES)["teacher_run"].seconds == 10 * 20 * 0.05


def test_every_teacher_scores_all_pairs(configure: Configure) -> None:
    settings = read(["--config", str(configure(score={"fail_fast": True}))])
    assert "fail-fast" in estimate(settings, RATES)["score"].work
    two = replace(RATES, pair_seconds={None: 0.05, "bm25": 0.001})
    costs = estimate(settings, two)
    assert costs["score"].work == costs["score_bm25"].work == "360 pairs"
    assert costs["score"].seconds == 360 * 0.05
    assert costs["score_bm25"].seconds == 360 * 0.001
