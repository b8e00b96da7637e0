"""What tests of stages share: tiny collections and a tiny model."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.models.encoder import Encoder
from tests.generating import BLANK, PASSAGES
from tests.tiny_data import write_tiny


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Corpus, queries and qrels: 40 passages, 24 queries."""
    monkeypatch.setenv("DR_LIGHTNING_CACHE", str(tmp_path / "cache"))
    return write_tiny(tmp_path / "tiny")


@pytest.fixture
def model(tiny_encoder_dir: Path, tmp_path: Path) -> Path:
    """A folder whose settings tell how it pools."""
    Encoder(str(tiny_encoder_dir), pooling="mean").save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A corpus of ovens, and where `generate` writes."""
    texts = PASSAGES | {BLANK: ""}
    corpus = pl.DataFrame(
        {"passage_id": list(texts), "title": "Ovens", "text": list(texts.values())}
    )
    path = tmp_path / "corpus.parquet"
    artefacts.write(corpus, path, schemas.CORPUS, artefacts.Manifest("test"))
    return {"corpus": path, "out": tmp_path / "queries.parquet"}
