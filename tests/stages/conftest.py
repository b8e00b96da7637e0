"""What tests of stages share: a tiny collection and a tiny model."""

from pathlib import Path

import pytest

from dr_lightning.models.encoder import Encoder
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
