"""The bi-encoder as a teacher, against one text at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dr_lightning.models.encoder import Encoder
from dr_lightning.models.ragged import Ragged
from dr_lightning.models.teachers import EncoderScore, Teacher
from dr_lightning.models.tokenization import Side, TextFormat

QUERIES = ["how do i sort a list", "zip two files", "gene"]
PASSAGES = ["the sort method of a list", "", "cancer cell " * 30, "zip"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


@pytest.fixture
def encoder(tiny_encoder_dir: Path) -> Encoder:
    asked = TextFormat(prompt="query: ")
    return Encoder(str(tiny_encoder_dir), pooling="mean", query=asked).eval()


def test_a_score_is_the_inner_product_of_two_embeddings(encoder: Encoder) -> None:
    teacher: Teacher = EncoderScore(encoder, device="cpu")
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    assert scores.dtype == np.float32
    for (query, passage), score in zip(PAIRS, scores, strict=True):
        one = embedding(encoder, QUERIES[query], "query")
        other = embedding(encoder, PASSAGES[passage], "passage")
        assert float(one @ other) == pytest.approx(score, abs=2e-6)


def embedding(encoder: Encoder, text: str, side: str) -> torch.Tensor:
    ids = encoder.tokenization.tokenizer(
        "query: " + text if side == "query" else text, return_tensors="pt"
    )["input_ids"]
    with torch.no_grad():
        (found,) = encoder(ids, torch.ones_like(ids, dtype=torch.bool))
    assert isinstance(found, torch.Tensor)
    return found


def test_each_text_is_encoded_once(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = EncoderScore(encoder, device="cpu")
    seen: list[str] = []
    ragged = encoder.tokenization.ragged

    def spy(texts: list[str], side: Side) -> Ragged:
        seen.extend(texts)
        return ragged(texts, side)

    monkeypatch.setattr(encoder.tokenization, "ragged", spy)
    first = teacher.score(QUERIES, PASSAGES, PAIRS)
    again = teacher.score(QUERIES[::-1], PASSAGES, PAIRS)
    assert sorted(seen) == sorted([*QUERIES, *PASSAGES])
    np.testing.assert_array_equal(first[:4], again[-4:])


def test_fingerprint_changes_with_what_shapes_a_score(encoder: Encoder) -> None:
    plain = EncoderScore(encoder, device="cpu").fingerprint
    assert EncoderScore(encoder, device="cpu", batch_tokens=64).fingerprint == plain
    assert EncoderScore(encoder, "bf16", device="cpu").fingerprint != plain
    encoder.settings = replace(encoder.settings, pooling="cls")
    assert EncoderScore(encoder, device="cpu").fingerprint != plain
