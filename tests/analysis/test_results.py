"""Reading runs and evaluations: which are one, which are told apart."""

import json
from pathlib import Path
from shutil import rmtree

import polars as pl
import pytest

from dr_lightning.analysis.comparison import compare
from dr_lightning.analysis.experiments import differences
from dr_lightning.analysis.family import assess
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import POOLED, scores
from dr_lightning.analysis.values import VALUES
from tests.run_folders import write_evaluation, write_record, write_run, write_values

BASE, HALF, END = [0.2, 0.4, 0.6], [0.3, 0.5, 0.6], [0.4, 0.4, 0.9]


def means(folder: Path, measure: str = "nDCG@10") -> dict[tuple[str, str], float]:
    """Mean of each system on each collection."""
    table = scores(load([folder]), [measure]).table
    found = table.group_by("collection", "name").agg(pl.col(measure).mean())
    return {(row[0], row[1]): round(row[2], 6) for row in found.iter_rows()}


def test_base_selected_and_last_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END}, selected=4)
    assert means(tmp_path) == {
        ("dev", "base"): 0.4,
        ("dev", "kl selected"): 0.466667,
        ("dev", "kl last"): 0.566667,
    }


def test_each_evaluation_on_the_way_is_there_too(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END})
    results = load([tmp_path])
    steps = results.per_query.select(pl.col("step").unique().sort()).collect()
    assert steps["step"].to_list() == [0, 4, 8]
    assert results.per_query.collect_schema() == VALUES
    ends = results.measurements.select("checkpoint").unique().collect()
    assert set(ends["checkpoint"]) == {"base", "selected = last"}


def test_seeds_are_averaged_query_by_query(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: HALF}, seed=1)
    write_run(tmp_path / "b", {0: BASE, 4: END}, seed=2)
    found = scores(load([tmp_path]))
    averaged = found.of("kl selected = last", "dev")["nDCG@10"].to_list()
    assert averaged == pytest.approx([0.35, 0.45, 0.75])
    (row,) = found.seeds.filter(pl.col("name") != "base").iter_rows(named=True)
    assert row["seeds"] == 2
    # Means 0.466667 and 0.566667: half their distance times the square root of 2.
    assert row["spread"] == pytest.approx(0.0707107, abs=1e-6)


def test_selected_and_last_are_one_only_if_all_seeds_say_so(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {0: BASE, 4: HALF, 8: END}, seed=1, selected=4)
    write_run(tmp_path / "b", {0: BASE, 4: HALF, 8: END}, seed=2, selected=8)
    assert means(tmp_path) == {
        ("dev", "base"): 0.4,
        ("dev", "kl selected"): 0.516667,
        ("dev", "kl last"): 0.566667,
    }


def test_a_run_that_only_got_worse_selects_its_base(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: END, 4: HALF}, selected=0)
    assert means(tmp_path) == {
        ("dev", "base"): 0.566667,
        ("dev", "kl selected"): 0.566667,
        ("dev", "kl last"): 0.466667,
    }


def test_other_settings_under_one_name_are_kept_apart_and_told(tmp_path: Path) -> None:
    write_run(tmp_path / "version_0", {0: BASE, 4: HALF}, seed=1)
    write_run(tmp_path / "version_1", {0: BASE, 4: END}, seed=2, rate=1e-4)
    results = load([tmp_path])
    assert [one.name for one in results.experiments] == ["kl/version_0", "kl/version_1"]
    assert "kept apart: kl/version_0, kl/version_1" in results.notes[0]
    assert differences(results.experiments) == {
        "model.optimizer.init_args.lr": [1e-5, 1e-4]
    }


def test_a_repeated_seed_is_kept_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "version_0", {0: BASE, 4: HALF})
    write_run(tmp_path / "version_1", {0: BASE, 4: END})
    assert len(load([tmp_path]).experiments) == 2


def test_a_seed_without_a_record_is_of_its_settings(tmp_path: Path) -> None:
    """It has just begun, or was killed before its first evaluation."""
    for seed in (1, 2, 3):
        folder = write_run(tmp_path / f"s{seed}", {0: BASE, 4: END}, seed=seed)
        record = json.loads((folder / "run.json").read_text("utf-8"))
        write_record(folder, **record, fingerprints={"corpus": "c", "train lists": "t"})
    (folder / "run.json").unlink()
    rmtree(folder / "retrieval")
    results = load([tmp_path])
    assert [(one.name, len(one.runs)) for one in results.experiments] == [("kl", 3)]
    assert [note.split(" (")[0] for note in results.notes] == [
        "kl, seed 3, is not finished"
    ]
    assert scores(results).names == ["base", "kl selected = last"]


def test_a_seed_without_a_record_joins_no_seed_of_its_own(tmp_path: Path) -> None:
    """It was killed and started anew: the new one is not to be parted from others."""
    for name, seed in (("a", 1), ("b", 2), ("killed", 2)):
        folder = write_run(tmp_path / name, {0: BASE, 4: END}, seed=seed)
    (folder / "run.json").unlink()
    results = load([tmp_path])
    assert [len(one.runs) for one in results.experiments] == [2, 1]


def test_a_run_without_a_record_joins_none_of_two_data(tmp_path: Path) -> None:
    for seed, corpus in ((1, "c"), (2, "d"), (3, "")):
        folder = write_run(tmp_path / f"s{seed}", {0: BASE, 4: END}, seed=seed)
        record = json.loads((folder / "run.json").read_text("utf-8"))
        write_record(folder, **record, fingerprints={"corpus": corpus})
    (folder / "run.json").unlink()
    assert [len(one.runs) for one in load([tmp_path]).experiments] == [1, 1, 1]


def test_unlike_bases_keep_their_names(tmp_path: Path) -> None:
    for name, backbone in (("one", "models/mini"), ("two", "models/large")):
        folder = write_run(tmp_path / name, {0: BASE, 4: END}, name=name)
        config = (folder / "config.yaml").read_text("utf-8")
        (folder / "config.yaml").write_text(config.replace("models/mini", backbone))
    found = scores(load([tmp_path]))
    assert found.base("one selected = last", "dev") == "base (mini)"
    assert found.base("two selected = last", "dev") == "base (large)"
    one, _ = assess(found, ["one > base on dev", "two > one on dev"])
    assert str(one.claim) == "one selected = last > base (mini) on dev"


def test_a_run_without_a_config_does_not_part_the_bases(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_record(tmp_path / "new", status="running")
    assert scores(load([tmp_path])).names == ["base", "kl selected = last"]


def test_an_evaluation_below_a_run_belongs_to_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END}, selected=4)
    systems = {"base": BASE, "selected": END, "last": HALF, "teacher": [1.0, 1.0, 1.0]}
    write_evaluation(folder / "evaluation" / "scifact", systems)
    found = {k[1]: v for k, v in means(tmp_path).items() if k[0] == "scifact"}
    assert found == {
        "base": 0.4,
        "kl selected": 0.566667,
        "kl last": 0.466667,
        "teacher": 1.0,
    }


def test_a_run_s_checkpoints_are_compared_with_a_base_judged_apart(
    tmp_path: Path,
) -> None:
    """As a sweep leaves them: the base in a folder of its own."""
    write_evaluation(tmp_path / "base" / "scifact", {"base": BASE, "bm25": HALF})
    folder = write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END}, selected=4)
    write_evaluation(folder / "scifact", {"last": END, "selected": HALF})
    found = scores(load([tmp_path]))
    assert set(found.names) == {"base", "kl selected", "kl last", "bm25"}
    for name in ("kl last", "bm25"):
        assert found.base(name, "scifact") == "base"


def test_an_evaluation_alone_has_its_first_system_for_a_base(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "out", {"mini": BASE, "fitted": END})
    found = scores(load([tmp_path]))
    for name in ("mini", "fitted"):
        assert found.base(name, "scifact") == "mini"


def test_equal_systems_of_two_folders_are_one_others_told_apart(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "small" / "out", {"base": BASE, "fitted": HALF})
    write_evaluation(tmp_path / "large" / "out", {"base": BASE, "fitted": END})
    assert means(tmp_path) == {
        ("scifact", "base"): 0.4,
        ("scifact", "fitted of small"): 0.466667,
        ("scifact", "fitted of large"): 0.566667,
    }


def test_a_system_that_is_also_a_base_counts_once(tmp_path: Path) -> None:
    """In the second folder `kl` is first, and so the base of the other."""
    write_evaluation(tmp_path / "one", {"base": BASE, "kl": HALF})
    write_evaluation(tmp_path / "two", {"kl": HALF, "mse": END})
    found = scores(load([tmp_path]))
    assert {name: len(found.of(name, "scifact")) for name in found.names} == {
        "base": 3,
        "kl": 3,
        "mse": 3,
    }
    rows = {row.name: row.difference for row in compare(found)}
    assert rows["kl"] is not None
    assert rows["mse"] is not None
    # (0.1 + 0.1 + 0) / 3, from base; (0.1 - 0.1 + 0.3) / 3, from kl
    assert rows["kl"].mean == pytest.approx(0.066667, abs=1e-6)
    assert rows["mse"].mean == pytest.approx(0.1)


def test_a_base_of_a_run_may_stand_second_in_an_evaluation(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_evaluation(tmp_path / "out", {"mini": HALF, "base": BASE}, "dev")
    assert len(scores(load([tmp_path])).of("base", "dev")) == 3


def test_a_run_with_two_values_for_a_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    for name, values in (("one", END), ("two", HALF)):
        write_evaluation(folder / name, {"base": BASE, "last": values})
    message = r"one/.*two/.*both are kl selected = last.*differ in 3 queries. Give the"
    with pytest.raises(ValueError, match=message):
        load([tmp_path])


def test_a_part_of_a_corpus_is_another_collection(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    manifest = folder / "retrieval" / "val-4" / "dev.manifest.json"
    text = manifest.read_text("utf-8").replace('"searched": null', '"searched": 1000')
    manifest.write_text(text, "utf-8")
    assert set(means(tmp_path)) == {
        ("dev", "base"),
        ("dev, 1,000 passages", "kl selected = last"),
    }


def test_collections_of_one_name_and_other_data_are_told_apart(tmp_path: Path) -> None:
    for name, print_ in (("a", "1" * 16), ("b", "2" * 16)):
        folder = write_evaluation(tmp_path / name, {"base": BASE, f"fit {name}": END})
        for file in folder.glob("*.manifest.json"):
            told = json.loads(file.read_text("utf-8"))
            told["inputs"] = {"qrels": print_}
            file.write_text(json.dumps(told), "utf-8")
    results = load([tmp_path])
    assert "2 collections of different data are called scifact" in results.notes[0]
    assert scores(results).collections == ["scifact (111111)", "scifact (222222)"]


def test_a_folder_given_twice_counts_once(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    assert len(load([tmp_path, tmp_path / "kl"]).runs) == 1


def test_an_unknown_measure_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: BASE, 4: END})
    with pytest.raises(ValueError, match="no measure 'AP'; the files have nDCG@10"):
        scores(load([tmp_path]), ["AP"])


def test_two_test_collections_are_pooled_with_equal_weight(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "kl", {0: BASE, 4: END})
    write_evaluation(folder / "one", {"base": BASE, "last": END}, "one")
    write_evaluation(folder / "two", {"base": [0.0, 0.0], "last": [1.0, 0.0]}, "two")
    found = scores(load([tmp_path]))
    assert found.tests == ["one", "two"]
    assert len(found.of("kl selected = last", POOLED)) == 5


def test_what_test_judged_is_its_checkpoint_s(tmp_path: Path) -> None:
    """By the config's ckpt_path; a checkpoint that is not at hand keeps its name."""
    run = write_run(tmp_path / "kl", {0: BASE, 4: HALF, 8: END}, selected=4)
    checkpoints = {
        "a": str(run / "checkpoints" / "step-4.ckpt"),
        "b": str(run / "checkpoints" / "last.ckpt"),
        "c": None,
        "d": "elsewhere/step=9.ckpt",
    }
    for folder, path in checkpoints.items():
        verb = write_verb(tmp_path / folder, HALF if path is None else END)
        config = json.dumps({"ckpt_path": path})  # JSON is YAML
        (verb / "config.yaml").write_text(config, "utf-8")
    results = load([tmp_path])
    assert len(results.runs) == 1
    assert {(one.name, one.kind) for one in results.ends} >= {
        ("base", "test"),
        ("kl selected", "test"),
        ("kl last", "test"),
        ("d step=9", "test"),
    }


def write_verb(folder: Path, values: list[float]) -> Path:
    write_values(folder / "retrieval" / "test-0" / "scifact.parquet", values)
    (folder / "metrics.csv").write_text("step,test/nDCG@10\n0,0.5\n", "utf-8")
    return folder
