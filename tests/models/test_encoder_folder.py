"""Folders of sentence-transformers: what is read as they read it, what is refused."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dr_lightning.models.encoder import Encoder
from dr_lightning.models.encoding import encode
from dr_lightning.models.pooling import Pooling
from tests.training_runs import ENCODER

TEXTS = ["the wing of the body", "sort", "open a file and read it line by line"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Transformer, Pooling and Normalize, without our own file."""
    Encoder(str(ENCODER), "mean").save(tmp_path / "m")
    (tmp_path / "m" / "encoder.json").unlink()
    return tmp_path / "m"


def change(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(content | values), "utf-8")


def add_module(folder: Path, kind: str, config: dict[str, Any]) -> None:
    """Before Normalize, as sentence-transformers orders them."""
    file = folder / "modules.json"
    modules = json.loads(file.read_text("utf-8"))
    path = f"2_{kind.rpartition('.')[2]}"
    modules.insert(2, {"idx": 2, "name": path, "path": path, "type": kind})
    file.write_text(json.dumps(modules), "utf-8")
    (folder / path).mkdir()
    (folder / path / "config.json").write_text(json.dumps(config), "utf-8")


def embed(folder: Path) -> np.ndarray:
    encoder = Encoder(str(folder))
    return encode(encoder, encoder.tokenization.ragged(TEXTS, "query"), "query")


def test_dropout_changes_nothing(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    before = embed(folder)
    add_module(folder, "sentence_transformers.models.Dropout", {"dropout": 0.9})
    np.testing.assert_array_equal(embed(folder), before)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(before, theirs, atol=1e-6)


@pytest.mark.parametrize(
    "kind",
    [
        "sentence_transformers.models.Dense",
        "sentence_transformers.base.modules.dense.Dense",
        "sentence_transformers.models.LayerNorm",
        "custom_st.Transformer",
    ],
)
def test_a_module_that_is_not_known_is_refused_unless_all_it_does_is_given(
    kind: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_module(folder, kind, {})
    message = rf"m/modules\.json: has {kind}, .* accepted are .*, Normalize, Dropout\."
    with pytest.raises(ValueError, match=message):
        Encoder(str(folder))
    # One of the two alone may stand in a config that was written for another model.
    for given in ({"pooling": "mean"}, {"normalize": True}):
        with pytest.raises(ValueError, match="set both pooling and normalize to leave"):
            Encoder(str(folder), **given)
    with caplog.at_level(logging.WARNING):
        encoder = Encoder(str(folder), pooling="cls", normalize=False)
    assert f"m/modules.json: {kind} left out" in caplog.text
    assert (encoder.settings.pooling, encoder.settings.normalize) == ("cls", False)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"pooling_mode": ["mean", "max"]}, r"mean \+ max"),
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode": "weightedmean"}, "weightedmean"),
        (
            {"pooling_mode": "mean", "include_prompt": False},
            "mean, without the prompt's tokens",
        ),
        (
            {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
            r"mean \+ max",
        ),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len"),
        (
            {"pooling_mode_lasttoken": True, "pooling_mode_cls_token": True},
            r"lasttoken \+ cls",
        ),
    ],
)
def test_a_pooling_that_is_not_known_is_refused_unless_another_is_given(
    config: dict[str, Any], told: str, folder: Path
) -> None:
    file = folder / "1_Pooling" / "config.json"
    file.write_text(json.dumps({"word_embedding_dimension": 32} | config), "utf-8")
    message = rf"m/1_Pooling/config\.json: pools by {told}; accepted is one of cls, "
    with pytest.raises(ValueError, match=message):
        Encoder(str(folder))
    assert Encoder(str(folder), pooling="cls").settings.pooling == "cls"


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode": ["mean"]}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}, "last"),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": False}, "cls"),
    ],
)
def test_one_pooling_is_read_in_any_version_s_words(
    config: dict[str, Any], pooling: Pooling, folder: Path
) -> None:
    file = folder / "1_Pooling" / "config.json"
    file.write_text(json.dumps({"word_embedding_dimension": 32} | config), "utf-8")
    assert Encoder(str(folder)).settings.pooling == pooling


def without_normalize(folder: Path, similarity: str | None) -> None:
    file = folder / "modules.json"
    modules = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(modules[:2]), "utf-8")
    file = folder / "config_sentence_transformers.json"
    change(file, similarity_fn_name=similarity)


@pytest.mark.parametrize("similarity", [None, "cosine", "dot"])
def test_without_a_normalize_module_scores_are_the_similarity_of_the_peer(
    similarity: str | None, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As paraphrase-MiniLM-L3-v2 (none named) and multi-qa-mpnet-base-dot-v1."""
    from sentence_transformers import SentenceTransformer

    without_normalize(folder, similarity)
    with caplog.at_level(logging.INFO):
        ours = embed(folder)
    peer = SentenceTransformer(str(folder), device="cpu")
    theirs = peer.encode(TEXTS)
    scores = peer.similarity(theirs, theirs).numpy()
    np.testing.assert_allclose(ours @ ours.T, scores, rtol=1e-4, atol=1e-5)
    assert ("tells no similarity_fn_name" in caplog.text) == (similarity is None)
    assert not Encoder(str(folder), normalize=False).settings.normalize
    assert Encoder(str(folder), normalize=True).settings.normalize


def test_a_similarity_that_is_no_inner_product_is_refused_unless_another_is_given(
    folder: Path,
) -> None:
    without_normalize(folder, "euclidean")
    message = r"m/config_sentence_transformers\.json: similarity_fn_name is 'euclidean'"
    with pytest.raises(ValueError, match=message):
        Encoder(str(folder))
    assert Encoder(str(folder), normalize=True).settings.normalize


@pytest.mark.parametrize(("normalize", "told"), [(True, "cosine"), (False, "dot")])
def test_a_saved_folder_names_the_similarity_that_it_is_judged_by(
    normalize: bool, told: str, tmp_path: Path
) -> None:
    Encoder(str(ENCODER), "mean", normalize).save(tmp_path)
    file = tmp_path / "config_sentence_transformers.json"
    assert json.loads(file.read_text("utf-8"))["similarity_fn_name"] == told
    (tmp_path / "encoder.json").unlink()
    assert Encoder(str(tmp_path)).settings.normalize == normalize
