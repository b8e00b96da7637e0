"""`evaluate` through the command line: what counts, and what is refused at once."""

import json
import logging
from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.metrics import evaluate_run, means
from tests.retrieving import MADE, evaluation, retrieve


@pytest.fixture
def _no_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded before all options were checked")

    monkeypatch.setattr("dr_lightning.stages.evaluate.Encoder", load)


@pytest.mark.usefixtures("_no_model_is_loaded")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--measures=[ndcg@10]"], "unknown measure 'ndcg@10'; accepted are nDCG, "),
        (["--measures=[RR, RR]"], "give at least one, and each once"),
        (["--runs=[{folder}/gone.trec]"], "gone.trec: no such file. Give a TREC file"),
        (["--runs=[{folder}/gone.parquet]"], "gone.parquet: no such file"),
        (["--runs=[base={folder}/x.trec]"], "several systems are called 'base'"),
        (["--models=[one=./gone]"], "model folder './gone' does not exist"),
        (["--models=[one={model}, two=no/such]"], "model 'no/such': .* to the hub"),
        (["--collection.name=my/mine"], "called 'my/mine', .* becomes a file's"),
        (["--out={folder}/made"], "run-0.parquet exists.*overwrite: true"),
        (["--out={folder}/table"], "metrics.json exists"),
        (["--out={folder}/file"], "out must be a folder, but .*file is a file"),
    ],
)
def test_what_is_wrong_is_told_before_a_model_is_loaded(
    tiny: Path, model: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    for made in ("made/run-0.parquet", "table/metrics.json"):
        (tmp_path / made).parent.mkdir()
        (tmp_path / made).touch()
    (tmp_path / "file").touch()
    given = [option.format(folder=tmp_path, model=model) for option in options]
    with pytest.raises(ValueError, match=message):
        evaluation(tiny, f"--models=[base={model}]", *given)


def test_an_evaluation_may_be_replaced(tiny: Path, model: Path, tmp_path: Path) -> None:
    options = [f"--models=[{model}]", f"--out={tmp_path / 'out'}"]
    evaluation(tiny, *options)
    with pytest.raises(ValueError, match=r"run-0\.parquet exists"):
        evaluation(tiny, *options)
    evaluation(tiny, *options, "--overwrite=true")


def test_evaluate_judges_the_queries_that_are_asked(
    tiny: Path, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As `fit` does: its qrels may be those of a whole split, for a run file too."""
    run = retrieve(tiny, model, tmp_path / "run.parquet", "--depth=40")
    queries = tiny / "queries.parquet"
    some = artefacts.read(queries, schemas.QUERIES).head(4)
    artefacts.write(some, queries, schemas.QUERIES, MADE, overwrite=True)
    out = tmp_path / "out"
    systems = [f"--models=[model={model}]", f"--runs=[run={tmp_path / 'run.parquet'}]"]
    with caplog.at_level(logging.INFO):
        evaluation(tiny, *systems, f"--out={out}")
    judged = artefacts.read(tiny / "qrels.parquet", schemas.QRELS)
    asked = judged.filter(pl.col("query_id").is_in(some["query_id"].implode()))
    expected = means(evaluate_run(run, asked, ["nDCG@10", "R@100", "RR@10"]))
    found = json.loads((out / "metrics.json").read_text("utf-8"))["systems"]
    for name, values in found.items():
        assert {k: v for k, v in values.items() if k != "run"} == expected, name
    told = "evaluate: left out 20 judged queries, which are not asked"
    assert caplog.messages.count(told) == 1
