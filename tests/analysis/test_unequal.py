"""Systems of one name with unequal values are told apart, never averaged."""

from pathlib import Path

import pytest

from dr_lightning.analysis.comparison import compare
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from tests.run_folders import write_evaluation, write_run

BASE, HALF, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]


def table(folder: Path, collection: str = "dev") -> dict[str, tuple[float, bool]]:
    """Mean of each system on a collection, and whether it has a difference."""
    return {
        row.name: (round(row.means["nDCG@10"] or 0, 6), row.difference is not None)
        for row in compare(scores(load([folder])))
        if row.collection == collection
    }


def test_a_base_in_the_loop_and_by_evaluate(tmp_path: Path) -> None:
    """0.4 and 0.466667 are not 0.433333."""
    run = write_run(tmp_path / "kl", {0: BASE, 4: END})
    out = write_evaluation(tmp_path / "out", {"base": HALF, "other": END}, "dev")
    assert table(tmp_path) == {
        "base of kl": (0.4, False),
        "base of out": (0.466667, False),
        "kl selected = last": (0.566667, True),
        "other": (0.566667, True),
    }
    results = load([tmp_path])
    told = f"told apart: base of kl ({run}), base of out ({out})."
    assert told in results.notes[0]
    found = scores(results)
    assert found.base("kl selected = last", "dev") == "base of kl"
    assert found.base("other", "dev") == "base of out"


def test_equal_bases_in_the_loop_and_by_evaluate_are_one(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_evaluation(tmp_path / "out", {"base": [v + 1e-8 for v in BASE]}, "dev")
    assert list(table(tmp_path)) == ["base", "kl selected = last"]
    assert load([tmp_path]).notes == ()


def test_bases_of_experiments_that_differ_in_precision(tmp_path: Path) -> None:
    write_run(tmp_path / "full", {0: BASE, 4: END}, name="full")
    write_run(tmp_path / "half", {0: HALF, 4: END}, name="half", rate=1e-4)
    assert table(tmp_path) == {
        "base of full": (0.4, False),
        "base of half": (0.466667, False),
        "full selected = last": (0.566667, True),
        "half selected = last": (0.566667, True),
    }


def test_seeds_of_unequal_bases_have_no_difference(tmp_path: Path) -> None:
    """Their mean has no single base; a note says so."""
    for seed, base in ((1, BASE), (2, HALF)):
        folder = write_run(tmp_path / f"s{seed}", {0: base, 4: END}, seed=seed)
        write_evaluation(folder / "test", {"base": base, "last": END})
    for collection in ("dev", "scifact"):
        assert table(tmp_path, collection) == {
            "base of s1": (0.4, False),
            "base of s2": (0.466667, False),
            "kl selected = last": (0.566667, False),
        }
    assert "with none if their seeds have several" in load([tmp_path]).notes[0]


def test_a_run_without_the_base_has_none_if_there_are_several(tmp_path: Path) -> None:
    for name, base in (("one", BASE), ("two", HALF)):
        write_evaluation(tmp_path / name, {"base": base})
    run = write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_evaluation(run / "test", {"selected": END})
    found = table(tmp_path, "scifact")
    assert found["kl selected = last"] == (0.566667, False)
    assert set(found) == {"kl selected = last", "base of one", "base of two"}


def test_equal_folders_share_a_name(tmp_path: Path) -> None:
    for name, teacher in (("a", END), ("b", HALF), ("c", END)):
        run = write_run(tmp_path / name, {0: BASE, 4: END}, name=name, rate=1e-4)
        write_evaluation(run / "test", {"base": BASE, "teacher": teacher})
    (note,) = load([tmp_path]).notes
    assert note.startswith("teacher has 2 sets of unequal values on scifact")
    places = [str(tmp_path / name / "test") for name in ("a", "b")]
    assert f"teacher of a ({places[0]} and 1 more), teacher of b ({places[1]})" in note


def test_a_system_of_evaluate_with_a_run_s_name_renames_no_run(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "run", {0: BASE, 4: END})
    for name, values in (("one", HALF), ("two", END)):
        write_evaluation(tmp_path / name, {"base": BASE, "kl": values}, "dev")
    names = ["base", "kl selected = last", "kl of one", "kl of two"]
    assert list(table(tmp_path)) == names


def test_a_system_of_evaluate_is_no_seed_of_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {0: BASE, 4: END})
    name = "kl selected = last"
    write_evaluation(tmp_path / "out", {"base": BASE, name: HALF}, "dev")
    with pytest.raises(ValueError, match=f"{name} on dev is a run's and also a system"):
        table(tmp_path)
