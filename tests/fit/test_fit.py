"""`fit`, `validate`, `test` and `predict` through the command line, on tiny data."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from dr_lightning import __version__, artefacts, schemas
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores
from dr_lightning.cli import main
from tests.config_of_fit import Config, fit, part, run_folder, write


def test_fit_makes_the_tiny_retriever_better(config: Config, tmp_path: Path) -> None:
    folder = fit(config, tmp_path)
    record = json.loads((folder / "run.json").read_text())
    base, last = record["evaluations"][0], record["evaluations"][-1]
    assert record["status"] == "finished"
    assert (base["step"], last["step"]) == (0, 8)
    assert last["val/nDCG@10"] > base["val/nDCG@10"] + 0.1


def test_every_part_of_the_sum_is_logged(config: Config, tmp_path: Path) -> None:
    metrics = pl.read_csv(fit(config, tmp_path) / "metrics.csv")
    for stage in ("train", "val"):
        row = metrics.drop_nulls(f"{stage}/listwise_kl").row(0, named=True)
        expected = row[f"{stage}/listwise_kl"] + 0.1 * row[f"{stage}/info_nce"]
        assert row[f"{stage}/loss"] == pytest.approx(expected, rel=1e-5)


def test_the_run_s_own_config_repeats_it_and_serves_the_other_verbs(
    config: Config, tmp_path: Path
) -> None:
    folder = fit(config, tmp_path)
    again = str(folder / "config.yaml")
    main(["fit", "--config", again])
    first = json.loads((folder / "run.json").read_text())
    second = json.loads((run_folder(tmp_path, 1) / "run.json").read_text())
    assert first["evaluations"] == second["evaluations"]
    checkpoint = str(next((folder / "checkpoints").glob("step-*.ckpt")))
    main(["test", "--config", again, "--ckpt_path", checkpoint])
    metrics = pl.read_csv(run_folder(tmp_path, 2) / "metrics.csv")
    record = json.loads((folder / "run.json").read_text())
    (best,) = [
        one for one in record["evaluations"] if one["step"] == record["selected_step"]
    ]
    assert metrics["test/nDCG@10"][0] == pytest.approx(best["val/nDCG@10"], abs=1e-6)
    main(["validate", "--config", again, "--ckpt_path", checkpoint])
    check_results(folder, [run_folder(tmp_path, number) for number in (2, 3)])


def check_results(folder: Path, judged_apart: list[Path]) -> None:
    """The analysis takes `test` and `validate` of a checkpoint for the run's own."""
    (run,) = load([folder]).runs
    assert (run.seed, run.status) == (3, "finished")
    assert set(run.fingerprints) == {"corpus", "train lists", "dev lists"}
    assert run.record["peak_memory_mib"]["process"] > 100
    assert run.record["versions"]["dr_lightning"] == __version__
    results = load([folder, *judged_apart])
    assert [one.folder for one in results.runs] == [folder]
    found = scores(results)
    assert found.tests == []  # the run selected by this collection
    assert found.names == ["base", "t selected", "t last"]
    selected = found.of("t selected", "tiny")["nDCG@10"].mean()
    own = scores(load([folder])).of("t selected", "tiny")["nDCG@10"].mean()
    assert selected == pytest.approx(own, abs=1e-6)
    keys = results.steps.select("key").unique().collect()["key"].to_list()
    assert {"train/loss", "train/steps_a_minute", "val/nDCG@10"} <= set(keys)


def test_a_model_that_was_never_trained_is_validated(
    config: Config, tmp_path: Path
) -> None:
    """Its teacher temperature is set on the training lists, as `fit` would."""
    config["model"]["objective"] = part("ListwiseKL", teacher_temperature="match")
    config["trainer"]["callbacks"] = [part("EvaluateRetrieval")]
    main(["validate", "--config", str(write(config, tmp_path / "c.yaml"))])
    (row,) = pl.read_csv(run_folder(tmp_path) / "metrics.csv").iter_rows(named=True)
    assert row["val/loss"] > 0
    assert row["val/teacher_entropy"] == pytest.approx(row["val/student_entropy"], 0.2)


def test_the_base_is_kept_where_nothing_is_better(
    config: Config, tmp_path: Path
) -> None:
    config["model"]["optimizer"]["init_args"]["lr"] = 10.0
    folder = fit(config, tmp_path)
    record = json.loads((folder / "run.json").read_text())
    assert record["selected_step"] == 0


def test_written_runs_keep_the_contract(config: Config, tmp_path: Path) -> None:
    folder = fit(config, tmp_path) / "retrieval" / "val-0"
    run = artefacts.read(folder / "tiny.parquet", schemas.RUN)
    assert len(run) == 24
    assert len((folder / "tiny.trec").read_text().splitlines()) == 24 * 40
    assert len(pl.read_parquet(folder / "tiny.per_query.parquet")) == 24


def test_ids_and_names_may_have_white_space(config: Config, tmp_path: Path) -> None:
    """As names of files have; TREC cannot hold them, parquet can."""
    for name in ("queries", "qrels"):
        path = tmp_path / "tiny" / f"{name}.parquet"
        spaced = pl.format("my {}.md", "query_id").alias("query_id")
        pl.read_parquet(path).with_columns(spaced).write_parquet(path)
    config["data"]["init_args"]["collections"]["validation"][0]["name"] = "my notes"
    folder = fit(config, tmp_path) / "retrieval" / "val-0"
    run = artefacts.read(folder / "my notes.parquet", schemas.RUN)
    assert run["query_id"][0] == "my q00.md"
    assert not list(folder.glob("*.trec"))


def test_the_exported_folder_gives_the_selected_weights(
    config: Config, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    from dr_lightning.models.encoder import Encoder
    from dr_lightning.models.encoding import encode

    folder = fit(config, tmp_path)
    texts = ["where is the river north", "coin"]
    encoder = Encoder(str(folder / "model"))
    tokens = encoder.tokenization.ragged(texts, "query")
    ours = encode(encoder, tokens, "query")
    peer = SentenceTransformer(str(folder / "model"), device="cpu")
    theirs = peer.encode(texts, prompt_name="query")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    best = next((folder / "checkpoints").glob("step-*.ckpt"))
    main(["export", "--checkpoint", str(best), "--out", str(tmp_path / "again")])
    again = encode(Encoder(str(tmp_path / "again")), tokens, "query")
    np.testing.assert_array_equal(ours, again)


def test_predict_writes_embeddings_in_corpus_order(
    config: Config, tmp_path: Path
) -> None:
    config["trainer"]["callbacks"] = [part("WriteEmbeddings")]
    main(["predict", "--config", str(write(config, tmp_path / "c.yaml"))])
    folder = run_folder(tmp_path) / "embeddings" / "tiny"
    embeddings = np.load(folder / "passage-00000-of-00001.npy", mmap_mode="r")
    assert embeddings.shape == (40, 32)
    assert json.loads((folder / "passage.json").read_text())["rows"] == 40
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_callbacks_and_parts_are_swapped_on_the_command_line(
    config: Config, tmp_path: Path
) -> None:
    folder = fit(
        config,
        tmp_path,
        "--model.objective",
        "InfoNCE",
        "--model.objective.temperature",
        "0.02",
        "--trainer.callbacks+=LearningRateMonitor",
        "--trainer.max_epochs=1",
    )
    columns = pl.read_csv(folder / "metrics.csv").columns
    assert "lr-AdamW" in columns
    assert "val/listwise_kl" not in columns


def test_the_part_at_each_evaluation_and_the_whole_corpus_at_the_ends(
    config: Config, tmp_path: Path
) -> None:
    config["trainer"]["callbacks"][1] = part(
        "EvaluateRetrieval", sub_corpus={"top": 1, "random": 2, "seed": 5}
    )
    folder = fit(config, tmp_path)

    def ranked(name: str) -> list[list[str]]:
        file = folder / "retrieval" / name / "tiny.parquet"
        return artefacts.read(file, schemas.RUN)["passage_id"].to_list()

    whole = ranked("base-0")
    assert {len(one) for one in (*whole, *ranked("last-8"))} == {40}
    searched = set(ranked("val-4")[0])
    assert 24 <= len(searched) < 40
    assert all(set(one) == searched for one in ranked("val-8"))
    # A ranking of all passages has that of a part in it.
    assert ranked("val-0") == [[x for x in one if x in searched] for one in whole]
    check_kept_apart(folder, f"tiny, {len(searched)} passages")


def check_kept_apart(folder: Path, part: str) -> None:
    """Log, record and analysis have the base twice: on the part and on the whole."""

    def mean(name: str) -> float:
        file = folder / "retrieval" / name / "tiny.per_query.parquet"
        return float(pl.read_parquet(file)["nDCG@10"].to_numpy().mean())

    assert mean("val-0") > mean("base-0")
    metrics = pl.read_csv(folder / "metrics.csv")
    for key, name in (
        ("val/tiny/nDCG@10", "val-0"),
        ("base/tiny/nDCG@10", "base-0"),
        ("last/tiny/nDCG@10", "last-8"),
    ):
        assert metrics[key].drop_nulls()[0] == pytest.approx(mean(name)), key
    record = json.loads((folder / "run.json").read_text())
    evaluated = [one["val/nDCG@10"] for one in record["evaluations"]]
    own = [mean(name) for name in ("val-0", "val-4", "val-8")]
    assert evaluated == pytest.approx(own)
    found = scores(load([folder]))
    for collection, name in ((part, "val-0"), ("tiny", "base-0")):
        values = found.of("base", collection)["nDCG@10"]
        assert values.to_numpy().mean() == pytest.approx(mean(name)), collection


def test_dropout_is_off_unless_asked(config: Config, tiny_encoder_dir: Path) -> None:
    from dr_lightning.models.encoder import Encoder

    for probability in (0.0, 0.25):
        encoder = Encoder(str(tiny_encoder_dir), pooling="cls", dropout=probability)
        layers = [m for m in encoder.modules() if isinstance(m, torch.nn.Dropout)]
        assert layers
        assert {layer.p for layer in layers} == {probability}


def test_scored_queries_are_made_into_lists_once(
    config: Config, tiny: Path, tmp_path: Path
) -> None:
    lists = artefacts.read(tiny / "train.parquet", schemas.TRAINING_LISTS)
    scores = lists.select("query_id", "passage_id", "teacher_score")
    path = tiny / "teacher_scores.parquet"
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(scores, path, schemas.TEACHER_SCORES, manifest)
    config["data"]["init_args"]["batching"]["order"] = part("PlainBatches", size=3)
    config["data"]["init_args"]["lists"] = {
        "queries": str(tiny / "queries.parquet"),
        "teacher_scores": [str(path)],
        "qrels": str(tiny / "qrels.parquet"),
        "rules": {"min_candidates": 2},
        "dev_share": 0.25,
    }
    fit(config, tmp_path)
    (folder,) = (tmp_path / "cache" / "lists").iterdir()
    written = (folder / "train.parquet").stat().st_mtime_ns
    assert len(artefacts.read(folder / "dev.parquet", schemas.TRAINING_LISTS)) == 4
    fit(config, tmp_path)
    assert (folder / "train.parquet").stat().st_mtime_ns == written
