"""BM25, given runs, fusion and negatives, through the command line."""

from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas, trec
from dr_lightning.cli import main
from tests.retrieving import MADE, command, retrieve, run_of

ROOT = Path(__file__).parent.parent.parent


def test_words_find_passages_and_silent_queries_are_counted(
    tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiny / "queries.parquet"
    queries = artefacts.read(path, schemas.QUERIES).with_columns(
        text=pl.when(pl.col("query_id") == "q00")
        .then(pl.lit("the xylophone"))
        .otherwise("text")
    )
    artefacts.write(queries, path, schemas.QUERIES, MADE, overwrite=True)
    out = tmp_path / "run.parquet"
    qrels = f"--qrels={tiny / 'qrels.parquet'}"
    run = run_of(tiny, out, "--bm25.k1=1.2", "--depth=5", qrels)
    assert run["query_id"].to_list() == queries["query_id"].to_list()[1:]
    assert (
        run.filter(pl.col("query_id") == "q10")["passage_id"].item()[0]
        == "engine-north"
    )
    manifest = artefacts.read_manifest(out)
    assert manifest["dropped"] == {"no passage found": 1}
    assert manifest["settings"]["bm25"]["k1"] == 1.2
    assert manifest["settings"]["encoder"] is None
    assert "23 lists of up to 5 (dropped: 1 no passage found), nDCG@10" in caplog.text


def test_retrievers_are_fused_by_rank(
    tiny: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dense = retrieve(tiny, model, tmp_path / "dense.parquet", "--depth=5")
    words = run_of(tiny, tmp_path / "bm25.parquet", "--bm25={}", "--depth=5")
    trec.write_run(words, tmp_path / "words.trec", tag="words")
    qrels = f"--qrels={tiny / 'qrels.parquet'}"
    options = f"--encoder.backbone={model}", "--bm25={}", "--depth=5", qrels
    out = tmp_path / "fused.parquet"
    fused = run_of(tiny, out, *options, "--fusion_k=10")
    by_id = {
        name: dict(run.drop("score").iter_rows())
        for name, run in (("dense", dense), ("words", words))
    }
    for query, ids, scores in fused.iter_rows():
        found = [by_id[name][query] for name in ("dense", "words")]
        for passage, score in zip(ids, scores, strict=True):
            ranks = [ids.index(passage) + 1 for ids in found if passage in ids]
            assert score == pytest.approx(sum(1 / (10 + rank) for rank in ranks))
    told = artefacts.read_manifest(out)["extra"]["retrievers"]
    assert [some["retriever"] for some in told] == ["dense", "bm25"]
    assert "retrieve: bm25 found 24 lists, nDCG@10" in caplog.text
    files = f"--runs=[{tmp_path / 'dense.parquet'}, {tmp_path / 'words.trec'}]"
    given = run_of(
        tiny, tmp_path / "given.parquet", files, "--depth=5", "--fusion_k=10"
    )
    assert given.equals(fused)
    inputs = artefacts.read_manifest(tmp_path / "given.parquet")["inputs"]
    assert set(inputs) == {"corpus", "queries", "run_1", "run_2"}


def test_the_source_must_be_among_the_best_of_the_fused_list(
    tiny: Path, tmp_path: Path
) -> None:
    """Both retrievers have the source second, and the fused list has it first."""
    path = tiny / "queries.parquet"
    queries = artefacts.read(path, schemas.QUERIES)[:1].with_columns(
        source_passage_id=pl.lit("river-north")
    )
    artefacts.write(queries, path, schemas.QUERIES, MADE, overwrite=True)
    for name, first in (("a", "bread-west"), ("b", "coin-east")):
        run = queries.select(
            "query_id",
            passage_id=pl.lit([first, "river-north"], pl.List(pl.String)),
            score=pl.lit([0.9, 0.8], pl.List(pl.Float32)),
        )
        file = tmp_path / f"{name}.parquet"
        artefacts.write(run, file, schemas.RUN, MADE)
    both = f"--runs=[{tmp_path / 'a.parquet'}, {tmp_path / 'b.parquet'}]"
    fused = run_of(tiny, tmp_path / "fused.parquet", both, "--source_depth=1")
    assert fused["passage_id"].item()[0] == "river-north"
    one = f"--runs={tmp_path / 'a.parquet'}"
    alone = run_of(tiny, tmp_path / "alone.parquet", one, "--source_depth=1")
    assert alone.is_empty()


def test_negatives_are_filtered_after_the_run_is_judged(
    tiny: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    qrels = f"--qrels={tiny / 'qrels.parquet'}"
    whole = retrieve(tiny, model, tmp_path / "whole.parquet", "--depth=40", qrels)
    out = tmp_path / "some.parquet"
    options = "--depth=40", "--negatives.range_min=2", "--negatives.per_query=5"
    some = retrieve(tiny, model, out, qrels, *options)
    judged = artefacts.read(tiny / "qrels.parquet", schemas.QRELS)
    relevant = dict(judged.select("query_id", "passage_id").iter_rows())
    for (query, ids, _), (_, every, _) in zip(
        some.iter_rows(), whole.iter_rows(), strict=True
    ):
        others = [p for p in every if p != relevant[query]]
        assert [p for p in ids if p != relevant[query]] == others[2:7]
        assert relevant[query] in ids
    extras = [artefacts.read_manifest(p) for p in (tmp_path / "whole.parquet", out)]
    told = {"queries with fewer negatives than per_query": 0}
    assert extras[1]["extra"] == extras[0]["extra"] | told
    counts = {"range_min": 24 * 2, "per_query": 24 * 32}
    assert extras[1]["dropped"] == {f"negatives: {w}": n for w, n in counts.items()}
    assert extras[1]["settings"]["negatives"]["per_query"] == 5
    assert "48 negatives: range_min" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], r"needs something that finds candidates, but got none. Give --encoder"),
        (["--bm25={}", "--source_depth=0"], "source_depth must be at least 1, but g"),
        (["--bm25={}", "--fusion_k=0"], "fusion_k must be at least 1, but got 0"),
        (["--bm25={}", "--part_passages=0"], "part_passages must be at least 1"),
        (["--bm25={}", "--shard=1/2"], "there is no such search. Leave out --shard"),
        (["--bm25={}", "--search=ExactSearch"], "but got no encoder"),
        (["--bm25={}", "--encoding.precision=bf16"], "but got no encoder"),
        (["--bm25={}", "--template={body}"], "template must contain"),
        (
            ["--bm25={}", "--runs=x.trec", "--negatives.relative_margin=0.1"],
            "relative_margin cannot be used with 2 retrievers: the scores of a fused",
        ),
        (["--bm25={}", "--negatives.range_min=1"], "24 queries, such as 'q00', have"),
        (["--runs=missing.trec"], "missing.trec: no such file"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tiny: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        main(command(tiny, tmp_path / "run.parquet", *options))


def test_an_output_that_is_no_parquet_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be a file that ends in \.parquet"):
        main(command(tiny, tmp_path / "run.trec", "--bm25={}"))


def test_a_corpus_without_candidates_is_refused(tiny: Path, tmp_path: Path) -> None:
    dropped = artefacts.read(tiny / "corpus.parquet", schemas.CORPUS).select(
        "passage_id",
        reason=pl.lit("too_short"),
        representative_id=pl.lit(None, pl.String),
    )
    path = tmp_path / "dropped.parquet"
    artefacts.write(dropped, path, schemas.DROPPED, MADE)
    with pytest.raises(ValueError, match="no passage is left to search"):
        main(command(tiny, tmp_path / "a.parquet", "--bm25={}", f"--dropped={path}"))


@pytest.mark.parametrize("name", ["dense", "bm25", "fused"])
def test_configs_run(tiny: Path, model: Path, tmp_path: Path, name: str) -> None:
    config = f"--config={ROOT / 'configs' / 'retrieve' / name}.yaml"
    options = [f"--qrels={tiny / 'qrels.parquet'}"]
    if name != "bm25":
        options.append(f"--encoder.backbone={model}")
    out = tmp_path / "run.parquet"
    arguments = command(tiny, out, *options)
    main([arguments[0], config, *arguments[1:]])
    assert len(artefacts.read(out, schemas.RUN)) == 24
