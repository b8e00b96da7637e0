"""What tests of stages share: tiny collections and a tiny model."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.models.encoder import Encoder, Loading
from tests.generating import BLANK, PASSAGES
from tests.tiny_data import write_tiny

CODE = """from transformers import BertConfig, BertModel


class OwnConfig(BertConfig):
    model_type = "own"


class OwnModel(BertModel):
    config_class = OwnConfig
"""


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
def model_with_code(
    tiny_encoder_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What training leaves of a model whose architecture comes with its files."""
    modules = "transformers.dynamic_module_utils.HF_MODULES_CACHE"
    monkeypatch.setattr(modules, str(tmp_path / "modules"))
    base, out = tmp_path / "base_with_code", tmp_path / "model_with_code"
    shutil.copytree(tiny_encoder_dir, base)
    (base / "own.py").write_text(CODE, "utf-8")
    config = json.loads((base / "config.json").read_text("utf-8"))
    auto_map = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    config |= {"model_type": "own", "auto_map": auto_map}
    (base / "config.json").write_text(json.dumps(config), "utf-8")
    loading = Loading(trust_remote_code=True)
    Encoder(str(base), pooling="mean", loading=loading).save(out)
    return out


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
