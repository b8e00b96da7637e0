"""`evaluate` through the command line: what it refuses, and that it does so at once."""

from pathlib import Path

import pytest

from tests.retrieving import evaluation


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
