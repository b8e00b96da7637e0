"""Drift against embeddings by the base and by the fitted model, made apart."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.callbacks import EmbeddingDrift, EvaluateBase
from dr_lightning.data import RetrievalDataModule
from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import encode
from tests.fit_command import ENCODER, callbacks, fit, logged, part
from tests.stopped_runs import Save, extended, same
from tests.training_runs import Run, train, write_lists


def embedded(model: Path, texts: list[str]) -> np.ndarray:
    encoder = Encoder(str(model), pooling="mean")
    return encode(encoder, encoder.tokenization.ragged(texts, "query"), "query")


def test_cosines_are_those_of_the_base_and_the_exported_model(tmp_path: Path) -> None:
    """The sample is larger than the 8 dev queries, so it is all of them."""
    chosen = callbacks(
        tmp_path,
        "EvaluateBase",
        "EmbeddingDrift",
        part("ExportEncoder", weights="last"),
    )
    run = fit(tmp_path, chosen, "--model.optimizer.lr=3e-3")
    dev = artefacts.read(tmp_path / "tiny" / "dev.parquet", schemas.TRAINING_LISTS)
    texts = dev["text"].to_list()
    base, last = embedded(ENCODER, texts), embedded(run / "model", texts)
    to_base, pairwise = (
        logged(run, f"val/drift/query_{name}") for name in ("to_base", "pairwise")
    )
    assert to_base[0] == pytest.approx(1)
    assert to_base[7] == pytest.approx((base * last).sum(1).mean(), abs=1e-5)
    assert to_base[7] < 0.999
    for step, vectors in ((0, base), (7, last)):
        different = ~np.eye(len(texts), dtype=bool)
        expected = (vectors @ vectors.T)[different].mean()
        assert pairwise[step] == pytest.approx(expected, abs=1e-5)
    assert logged(run, "val/drift/passage_to_base")[7] < 0.999


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lists(tmp_path_factory.mktemp("drift") / "data", 18)


def run(*drift: EmbeddingDrift) -> Run:
    options = {"limit_val_batches": 1.0}
    return Run(trainer=options, callbacks=lambda: [EvaluateBase(), *drift])


def test_a_resumed_run_compares_with_the_first_base_and_sample(
    data: Path, tmp_path: Path
) -> None:
    whole = train(
        extended(run(EmbeddingDrift(4)), Save(tmp_path / "saved")),
        data,
        tmp_path / "whole",
    )
    checkpoint = str(tmp_path / "saved" / "step=3.ckpt")
    other = EmbeddingDrift(5, seed=9)  # what it would draw does not count any more
    again = extended(run(other), Save(tmp_path / "again"))
    resumed = train(again, data, tmp_path / "resumed", ckpt_path=checkpoint)
    same(whole, resumed)
    assert "val/drift/query_to_base" in resumed["metrics"]
    assert len(other.rows["passage"]) == 4


def test_a_run_that_began_without_it_is_refused(data: Path, tmp_path: Path) -> None:
    train(extended(run(), Save(tmp_path / "saved")), data, tmp_path / "whole")
    checkpoint = str(tmp_path / "saved" / "step=3.ckpt")
    again = extended(run(EmbeddingDrift()), Save(tmp_path / "again"))
    with pytest.raises(ValueError, match="run without EmbeddingDrift"):
        train(again, data, tmp_path, ckpt_path=checkpoint)


def test_without_dev_lists_there_is_nothing_to_sample() -> None:
    trainer: Any = SimpleNamespace(ckpt_path=None, datamodule=RetrievalDataModule())
    with pytest.raises(ValueError, match="sample from the dev lists"):
        EmbeddingDrift().on_fit_start(trainer, None)  # type: ignore[arg-type]


def test_a_sample_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="sample must be at least 2, but got 1"):
        EmbeddingDrift(1)
