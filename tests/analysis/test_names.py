"""A base has one name, in the loop, beside a run's checkpoints, and judged apart."""

from pathlib import Path

import pytest

from dr_lightning.analysis.family import assess
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from tests.run_folders import write_evaluation, write_run

BASE, LARGE, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]


def write_cell(work: Path, name: str, backbone: str, base: list[float]) -> Path:
    """A run of a sweep, judged as a sweep does."""
    run = write_run(work / name / "seed-0", {0: base, 4: END}, name=name)
    config = run / "config.yaml"
    text = config.read_text("utf-8").replace("models/mini", backbone)
    config.write_text(text, "utf-8")
    systems = {"base": base, "selected": END, "last": END}
    write_evaluation(run / "evaluation" / "t", systems, "t")
    return run


def write_base(work: Path, name: str, values: list[float]) -> None:
    """The base of cells, judged apart beside a teacher."""
    systems = {name: values, "teacher": [1.0, 1.0, 1.0]}
    write_evaluation(work / name / "evaluation" / "t", systems, "t")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A sweep with two students."""
    write_cell(tmp_path, "kl", "models/mini", BASE)
    write_cell(tmp_path, "big", "models/large", LARGE)
    write_base(tmp_path, "base", BASE)
    write_base(tmp_path, "base-big", LARGE)
    return tmp_path


def test_bases_of_a_sweep_with_two_students_have_a_name_each(work: Path) -> None:
    results = load([work])
    found = scores(results)
    assert set(found.names) == {
        "base",
        "base-big",
        "kl selected = last",
        "big selected = last",
        "teacher",
    }
    for collection in ("t", "dev"):  # dev was judged in the loop alone
        assert found.base("kl selected = last", collection) == "base"
        assert found.base("big selected = last", collection) == "base-big"
    told = "base (large) by base-big, base (mini) by base"
    (note,) = results.notes
    assert note == f"Bases go by the names that `evaluate` gave them: {told}."


def test_one_hypothesis_is_no_two_claims(work: Path) -> None:
    found = scores(load([work]))
    claims = assess(found, ["kl > base", "big > base-big"])
    assert [str(one.claim) for one in claims] == [
        "kl selected = last > base on t",
        "big selected = last > base-big on t",
    ]
    with pytest.raises(ValueError, match=r"big selected = last > base-big on t twice"):
        assess(found, ["big > base-big", "big > base"])


def test_an_encoder_of_another_setting_and_equal_values_keeps_its_own_base(
    tmp_path: Path,
) -> None:
    """Such as dropout, which only training has."""
    for name in ("plain", "dropout"):
        write_cell(tmp_path, name, f"models/{name}", BASE)
    write_base(tmp_path, "base", BASE)
    write_base(tmp_path, "base-dropout", BASE)
    found = scores(load([tmp_path]))
    assert found.base("plain selected = last", "t") == "base"
    assert found.base("dropout selected = last", "t") == "base-dropout"


def test_without_a_base_judged_apart_the_encoder_names_it(work: Path) -> None:
    (work / "base-big" / "evaluation" / "t" / "metrics.json").unlink()
    found = scores(load([work]))
    assert found.base("kl selected = last", "t") == "base"
    assert found.base("big selected = last", "t") == "base (large)"


@pytest.mark.parametrize(
    ("values", "collection"), [(END, "t"), (LARGE, "other")], ids=["unequal", "apart"]
)
def test_a_base_of_other_values_or_collections_is_another(
    work: Path, values: list[float], collection: str
) -> None:
    folder = work / "base-big" / "evaluation" / "t"
    write_evaluation(folder, {"base-big": values}, collection)
    assert {"base-big", "base (large)"} <= set(scores(load([work])).names)
