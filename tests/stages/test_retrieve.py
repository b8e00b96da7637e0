"""`retrieve`, `search` and `evaluate` on tiny data, through the command line."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.torch import load_file, save_file

from dr_lightning import artefacts, schemas, trec
from dr_lightning.cli import main
from dr_lightning.metrics import evaluate_run, means
from tests.retrieving import MADE, evaluation, retrieve, run_of


def test_each_query_gets_its_best_passages(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.parquet"
    run = retrieve(tiny, model, out, "--depth=7", f"--qrels={tiny / 'qrels.parquet'}")
    assert len(run) == 24
    assert run["passage_id"].list.len().unique().to_list() == [7]
    manifest = artefacts.read_manifest(out)
    qrels = artefacts.read(tiny / "qrels.parquet", schemas.QRELS)
    told = means(evaluate_run(run, qrels, ["nDCG@10", "R@100"]))
    assert manifest["extra"] == pytest.approx(told)


def test_queries_of_several_files_are_searched_for_as_those_of_one(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    whole = retrieve(tiny, model, tmp_path / "whole.parquet")
    queries = artefacts.read(tiny / "queries.parquet", schemas.QUERIES)
    files = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for part, path in zip((queries[:10], queries[10:]), files, strict=True):
        artefacts.write(part, path, schemas.QUERIES, artefacts.Manifest(stage="test"))
    out = tmp_path / "joined.parquet"
    option = f"--queries=[{files[0]},{files[1]}]"
    run = retrieve(tiny, model, out, option)
    assert run["query_id"].equals(whole["query_id"])
    assert run["passage_id"].equals(whole["passage_id"])
    inputs = artefacts.read_manifest(out)["inputs"]
    assert inputs.keys() == {"corpus", "queries_1", "queries_2"}


def test_an_id_in_two_files_of_queries_is_refused(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    path = tiny / "queries.parquet"
    with pytest.raises(
        ValueError, match=r"more than one of .* `generate --writer NAME`"
    ):
        retrieve(tiny, model, tmp_path / "no.parquet", f"--queries=[{path},{path}]")


@pytest.mark.parametrize(("limit", "told"), [(8, 1), (64, 0)])
def test_how_many_passages_the_model_does_not_see_whole_is_told(
    tiny: Path,
    model: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    limit: int,
    told: int,
) -> None:
    """Of 8 tokens two are special ones; a passage has eight words."""
    option = f"--encoder.passage.max_tokens={limit}"
    with caplog.at_level(logging.INFO):
        retrieve(tiny, model, tmp_path / "run.parquet", option)
    line = "corpus.parquet: 40 of 40 passages have more than the 6 tokens that the"
    assert sum(line in message for message in caplog.messages) == told


def test_judged_queries_that_are_not_asked_count_nothing(
    tiny: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Qrels of a whole split beside four of its queries; one of them finds nothing."""
    qrels = f"--qrels={tiny / 'qrels.parquet'}"
    queries = tiny / "queries.parquet"
    some = artefacts.read(queries, schemas.QUERIES).head(4)
    artefacts.write(some, queries, schemas.QUERIES, MADE, overwrite=True)
    first = retrieve(tiny, model, tmp_path / "first.parquet", "--depth=40")
    file = tmp_path / "three.parquet"
    artefacts.write(first.head(3), file, schemas.RUN, MADE)
    out = tmp_path / "run.parquet"
    with caplog.at_level(logging.INFO):
        run_of(tiny, out, f"--runs={file}", qrels)
    told = artefacts.read_manifest(out)["extra"]
    judged = artefacts.read(tiny / "qrels.parquet", schemas.QRELS)
    asked = judged.filter(pl.col("query_id").is_in(some["query_id"].implode()))
    values = evaluate_run(first.head(3), asked, ["nDCG@10"])["nDCG@10"].to_list()
    assert values[3] == 0.0 < sum(values)
    assert told["nDCG@10"] == pytest.approx(sum(values) / 4)
    assert told["judged queries that are not asked"] == 20
    assert "20 judged queries that are not asked" in caplog.messages[-1]


def test_qrels_that_judge_none_of_the_queries_are_refused(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "qrels.parquet"
    row = {"query_id": ["x"], "passage_id": ["river-north"], "relevance": [1]}
    artefacts.write(pl.DataFrame(row), path, schemas.QRELS, MADE)
    match = r"judges none of the 24 queries; it has ids such as \['x'\], they have"
    with pytest.raises(ValueError, match=match):
        retrieve(tiny, model, tmp_path / "run.parquet", f"--qrels={path}")


def own_corpus(tiny: Path, **columns: pl.Expr) -> None:
    """Puts a file of the user's own in place of the corpus, with columns changed."""
    path = tiny / "corpus.parquet"
    frame = pl.read_parquet(path).with_columns(**columns)
    artefacts.manifest_path(path).unlink(missing_ok=True)
    frame.write_parquet(path)


@pytest.mark.parametrize("how", ["--encoder.backbone={model}", "--bm25={{}}"])
def test_passages_without_title_are_searched_by_their_text(
    tiny: Path, model: Path, tmp_path: Path, how: str
) -> None:
    option = how.format(model=model)
    own_corpus(tiny, title=pl.lit(""))
    empty = run_of(tiny, tmp_path / "empty.parquet", option)
    own_corpus(tiny, title=pl.lit(None))
    assert run_of(tiny, tmp_path / "null.parquet", option).equals(empty)


def test_repeated_ids_are_told_before_a_passage_is_encoded(
    tiny: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: object, **__: object) -> None:
        raise AssertionError("passages were encoded")

    monkeypatch.setattr("dr_lightning.retrieval.encode", encode)
    own_corpus(tiny, passage_id=pl.lit("same"))
    with pytest.raises(
        ValueError, match=r"occurs more than once .* 39 other.*`ingest`"
    ):
        retrieve(tiny, model, tmp_path / "run.parquet")


def test_a_synthetic_query_must_find_its_own_passage(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    path = tiny / "queries.parquet"
    queries = artefacts.read(path, schemas.QUERIES)
    run = retrieve(tiny, model, tmp_path / "all.parquet", "--depth=40")
    best = run.select("query_id", best=pl.col("passage_id").list.first())
    worst = run.select("query_id", worst=pl.col("passage_id").list.last())
    sources = queries.join(best, on="query_id").join(worst, on="query_id")
    number = pl.int_range(pl.len())
    sources = sources.with_columns(
        source_passage_id=pl.when(number < 4)
        .then("best")
        .when(number < 10)
        .then("worst")
    )
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(sources, path, schemas.QUERIES, manifest, overwrite=True)
    out = tmp_path / "some.parquet"
    kept = retrieve(tiny, model, out, "--depth=40", "--source_depth=3")
    assert kept["query_id"].to_list() == [
        *queries["query_id"][:4],
        *queries["query_id"][10:],
    ]
    dropped = artefacts.read_manifest(out)["dropped"]
    assert dropped == {"source passage not among the best": 6}
    everything = retrieve(
        tiny, model, tmp_path / "no.parquet", "--depth=40", "--source_depth=null"
    )
    assert len(everything) == 24


def test_dropped_passages_are_no_candidates_but_unsampled_ones_are(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    reasons = {
        "river-north": "equal",
        "bread-west": "held_out",
        "coin-east": "not_sampled",
    }
    frame = pl.DataFrame(
        {"passage_id": list(reasons), "reason": list(reasons.values())}
    ).with_columns(representative_id=pl.lit(None, pl.String))
    path = tmp_path / "dropped.parquet"
    artefacts.write(frame, path, schemas.DROPPED, artefacts.Manifest(stage="test"))
    run = retrieve(
        tiny, model, tmp_path / "run.parquet", "--depth=40", f"--dropped={path}"
    )
    whole = retrieve(tiny, model, tmp_path / "whole.parquet", "--depth=40")
    gone = pl.element().is_in(["river-north", "bread-west"])
    expected = whole["passage_id"].list.eval(pl.element().filter(~gone))
    assert run["passage_id"].to_list() == expected.to_list()
    inputs = artefacts.read_manifest(tmp_path / "run.parquet")["inputs"]
    assert set(inputs) == {"corpus", "queries", "dropped"}


def test_an_output_that_exists_is_not_replaced(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.parquet"
    retrieve(tiny, model, out)
    with pytest.raises(ValueError, match="exists"):
        retrieve(tiny, model, out)
    retrieve(tiny, model, out, "--overwrite=true")


def test_depth_below_one_is_refused(tiny: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="depth must be at least 1"):
        retrieve(tiny, model, tmp_path / "run.parquet", "--depth=0")


def test_faiss_finds_what_exact_search_finds(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    exact = retrieve(tiny, model, tmp_path / "a.parquet", "--depth=5")
    flat = retrieve(
        tiny, model, tmp_path / "b.parquet", "--depth=5", "--search=FaissSearch"
    )
    assert exact["passage_id"].list.first().equals(flat["passage_id"].list.first())


def test_search_shows_ranks_scores_and_texts(
    tiny: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = str(tiny / "corpus.parquet")
    main(["search", "river north", "--model", str(model), "--corpus", corpus, "--k=2"])
    shown = capsys.readouterr().out
    assert "river north" in shown
    assert " 2 " in shown
    assert " 3 " not in shown


def test_a_model_with_code_of_its_own_is_searched_and_evaluated_where_trusted(
    tiny: Path,
    model_with_code: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("corpus", "queries", "qrels")
    collection = [f"--collection.{n}={tiny / n}.parquet" for n in names]
    cache = f"--cache={tmp_path / 'cache'}"
    models, out = f"--models=[{model_with_code}]", f"--out={tmp_path / 'out'}"
    evaluate = ["evaluate", "--collection.name=tiny", *collection, models, out, cache]
    corpus = f"--corpus={tiny / 'corpus.parquet'}"
    search = ["search", "river north", f"--model={model_with_code}", corpus, cache]
    trust = "--loading.trust_remote_code=true"
    for command in (evaluate, search):
        with pytest.raises(ValueError, match="contains custom code"):
            main(command)
        main([*command, trust])
    assert "river north" in capsys.readouterr().out
    main(["report", str(tmp_path / "out"), f"--out={tmp_path / 'report.html'}"])
    report = (tmp_path / "report.md").read_text("utf-8")
    assert '"trust_remote_code": true' in report


def test_search_encodes_a_corpus_once_for_a_model(
    tiny: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    corpus, cache = tmp_path / "corpus.parquet", tmp_path / "cache"
    shutil.copy(tiny / "corpus.parquet", corpus)
    command = ["search", "river north", f"--corpus={corpus}", f"--cache={cache}"]

    def search(model: Path, *options: str) -> tuple[str, bool]:
        caplog.clear()
        main([*command, "--model", str(model), *options])
        shown = capsys.readouterr().out.partition("┏")[2]
        return shown, "embedded 40 passages" in caplog.text

    first, encoded = search(model)
    assert encoded
    assert search(model) == (first, False)
    assert search(model, "--keep=false") == (first, False)
    (kept,) = (cache / "embeddings").iterdir()
    assert np.load(kept).shape[0] == 40

    # Another template, another corpus, other weights: never what was kept.
    assert search(model, "--template={text}")[1]
    other = tmp_path / "other"
    shutil.copytree(model, other)
    weights = load_file(other / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    save_file(weights | {name: weights[name] * 1.1}, other / "model.safetensors")
    assert search(other)[1]
    rows = pl.read_parquet(corpus).with_columns(text=pl.col("text") + " now")
    rows.write_parquet(corpus)
    assert search(model)[1]
    assert len(list((cache / "embeddings").iterdir())) == 4


def test_a_search_that_was_stopped_keeps_nothing(
    tiny: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dr_lightning.retrieval.encode", stop)
    corpus, cache = tiny / "corpus.parquet", tmp_path / "cache"
    options = [f"--corpus={corpus}", f"--model={model}", f"--cache={cache}"]
    with pytest.raises(KeyboardInterrupt):
        main(["search", "river north", *options])
    assert not list((cache / "embeddings").iterdir())


def test_evaluate_compares_models_and_runs(
    tiny: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = retrieve(tiny, model, tmp_path / "run.parquet", "--depth=40")
    perfect = artefacts.read(tiny / "qrels.parquet", schemas.QRELS).select(
        "query_id",
        pl.concat_list("passage_id"),
        pl.concat_list(pl.lit(1.0)).alias("score"),
    )
    trec.write_run(perfect, tmp_path / "perfect.trec", tag="perfect")
    out = tmp_path / "out"
    runs = (
        f"--runs=[same={tmp_path / 'run.parquet'}, perfect={tmp_path / 'perfect.trec'}]"
    )
    evaluation(tiny, f"--models=[base={model}]", runs, f"--out={out}")
    shown = capsys.readouterr().out
    systems = json.loads((out / "metrics.json").read_text())["systems"]
    assert list(systems) == ["base", "same", "perfect"]
    assert systems["perfect"]["nDCG@10"] == 1.0
    assert systems["same"]["nDCG@10"] == systems["base"]["nDCG@10"]
    assert "0 / 24 / 0" in shown
    assert (
        artefacts.read(out / "run-0.parquet", schemas.RUN)
        .select("query_id", "passage_id")
        .equals(run.select("query_id", "passage_id"))
    )


def test_nothing_to_evaluate_is_an_error(tiny: Path) -> None:
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluation(tiny)


def test_qrels_of_other_queries_are_refused(
    tiny: Path, model: Path, tmp_path: Path
) -> None:
    strange = pl.DataFrame(
        {"query_id": ["x"], "passage_id": ["river-north"], "relevance": [1]}
    )
    path = tiny / "qrels.parquet"
    manifest = artefacts.Manifest(stage="test")
    artefacts.write(strange, path, schemas.QRELS, manifest, overwrite=True)
    with pytest.raises(ValueError, match="judges none of the 24 queries"):
        evaluation(tiny, f"--models=[{model}]")
