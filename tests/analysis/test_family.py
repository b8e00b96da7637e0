"""A family of claims: what is read, what is tested, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dr_lightning.analysis.family import assess
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import POOLED, Scores, scores
from tests.run_folders import write_evaluation, write_run

BASE = [0.1, 0.4, 0.3, 0.0, 0.8, 0.2, 0.5, 0.6]
KL = [0.3, 0.5, 0.2, 0.4, 0.9, 0.2, 0.6, 0.9]
MSE = [0.2, 0.4, 0.1, 0.1, 0.7, 0.3, 0.4, 0.6]
NAMED = {"p > 0.5": MSE, "m - 0.1": MSE}


@pytest.fixture
def found(tmp_path: Path) -> Scores:
    """Two experiments on one test collection; mse has other last weights."""
    kl = write_run(tmp_path / "kl", {0: BASE, 4: KL}, name="kl")
    mse = write_run(tmp_path / "mse", {0: BASE, 4: MSE, 8: KL}, name="mse", selected=4)
    write_evaluation(kl / "test", {"base": BASE, "selected": KL})
    write_evaluation(mse / "test", {"base": BASE, "selected": MSE, "last": KL})
    return scores(load([tmp_path]))


def test_each_claim_has_its_tests_and_the_family_its_adjustment(found: Scores) -> None:
    one, two = assess(found, ["kl > base", "kl > mse"])
    assert str(one.claim) == "kl selected = last > base on scifact"
    assert str(two.claim) == "kl selected = last > mse selected on scifact"
    assert one.difference.mean == pytest.approx(np.subtract(KL, BASE).mean())
    assert one.t == pytest.approx(stats.ttest_rel(KL, BASE).pvalue)
    assert two.t == pytest.approx(stats.ttest_rel(KL, MSE).pvalue)
    assert min(one.p, two.p) * 2 == pytest.approx(min(one.holm, two.holm))
    assert max(one.holm, two.holm) >= max(one.p, two.p)


def test_a_single_claim_is_not_adjusted(found: Scores) -> None:
    (one,) = assess(found, ["kl > base"])
    assert one.p == one.holm


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("mse last > base", "mse last > base on scifact"),
        ("mse selected > kl last", "mse selected > kl selected = last on scifact"),
        ("mse > kl on dev", "mse selected > kl selected = last on dev"),
        ("mse > kl - 0.02", "mse selected > kl selected = last - 0.02 on scifact"),
        ("kl > base + .5 on dev", "kl selected = last > base + 0.5 on dev"),
    ],
)
def test_names_and_collections_are_read(found: Scores, text: str, claim: str) -> None:
    (one,) = assess(found, [text])
    assert str(one.claim) == claim


def test_a_margin_moves_what_is_tested_and_not_what_is_told(found: Scores) -> None:
    """The tests are those of the difference and the margin."""
    plain, margin = (assess(found, [f"mse > base{text}"])[0] for text in ("", " - 0.2"))
    assert margin.claim.offset == -0.2
    assert margin.difference == plain.difference
    moved = np.subtract(MSE, BASE) + 0.2
    assert margin.t == pytest.approx(stats.ttest_1samp(moved, 0).pvalue)
    assert margin.p < 0.05 < plain.p


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("mse > base", "open"),
        ("mse > base - 0.2", "holds"),  # not inferior
        ("mse > base + 0.2", "false"),
        ("kl > base - 1", "holds"),
        ("base > kl + 1", "false"),
    ],
)
def test_the_verdict_tells_the_side(found: Scores, text: str, verdict: str) -> None:
    (one,) = assess(found, [text])
    assert one.verdict == verdict


def test_over_two_test_collections_a_claim_is_about_their_mean(tmp_path: Path) -> None:
    kl = write_run(tmp_path / "kl", {0: BASE, 4: KL})
    write_evaluation(kl / "one", {"base": BASE, "last": KL}, "one")
    write_evaluation(kl / "two", {"base": [0.0, 0.0], "last": [1.0, 0.0]}, "two")
    found = scores(load([tmp_path]))
    pooled, one = assess(found, ["kl > base", "kl > base on one"])
    assert pooled.claim.collection == POOLED
    assert pooled.difference.mean == pytest.approx(
        (np.subtract(KL, BASE).mean() + 0.5) / 2
    )
    assert one.difference.mean == pytest.approx(np.subtract(KL, BASE).mean())


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (["kl"], "'kl', which is no claim"),
        (["kl > base > mse"], "no claim"),
        (["kd > base"], "no system 'kd'. There are base, kl selected = last, mse sel"),
        (["kl > base on fiqa"], "on which collection.*judged on scifact, dev"),
        (["kl > base", "kl selected > base"], "twice"),
        (["kl > kl last"], "both sides are kl"),
    ],
)
def test_what_is_no_claim_is_refused(
    found: Scores, family: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        assess(found, family)


def test_a_claim_on_one_query_is_refused(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"base": [0.1], "fitted": [0.2]})
    with pytest.raises(ValueError, match=r"fitted > base on scifact: .*fewer than 2"):
        assess(scores(load([tmp_path])), ["fitted > base"])


def test_a_claim_across_collections_is_refused(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "a", {"base": BASE, "fitted": KL}, "a")
    write_evaluation(tmp_path / "b", {"other": BASE, "tuned": KL}, "b")
    with pytest.raises(ValueError, match="Both are judged on none"):
        assess(scores(load([tmp_path])), ["fitted > tuned"])


def test_a_claim_about_all_collections_needs_all_of_them(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "a", {"base": BASE, "kl": KL, "mse": MSE}, "a")
    write_evaluation(tmp_path / "b", {"base": BASE, "kl": KL}, "b")
    found = scores(load([tmp_path]))
    for text in (f"mse > base on {POOLED}", "mse > base"):
        with pytest.raises(ValueError, match="Both are judged on a"):
            assess(found, [text])
    (one,) = assess(found, [f"kl > base on {POOLED}"])
    assert one.claim.collection == POOLED


def test_a_claim_about_all_collections_needs_one(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: KL})
    with pytest.raises(ValueError, match="Both are judged on dev"):
        assess(scores(load([tmp_path])), [f"kl > base on {POOLED}"])


def test_a_base_that_is_another_on_each_collection_is_named(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "a", {"base": BASE, "kl": KL}, "a")
    write_evaluation(tmp_path / "b", {"mini": MSE, "kl": KL}, "b")
    found = scores(load([tmp_path]))
    with pytest.raises(ValueError, match=r"kl has base and mini on a, b\. Name the"):
        assess(found, ["kl > base"])
    (one,) = assess(found, ["kl > base on b"])
    assert str(one.claim) == "kl > mini on b"


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("a on b > base", "a on b > base on c"),
        ("p > 0.5>a on b", "p > 0.5 > a on b on c"),
        ("p > 0.5 > base on c", "p > 0.5 > base on c"),
        ("base>p > 0.5 on c", "base > p > 0.5 on c"),
        ("base > m - 0.1", "base > m - 0.1 on c"),
        ("base > m - 0.1 - 0.2", "base > m - 0.1 - 0.2 on c"),
    ],
)
def test_names_that_are_there_may_hold_the_words_of_a_claim(
    tmp_path: Path, text: str, claim: str
) -> None:
    write_evaluation(tmp_path, {"base": BASE, "a on b": KL} | NAMED, "c")
    (one,) = assess(scores(load([tmp_path])), [text])
    assert str(one.claim) == claim
