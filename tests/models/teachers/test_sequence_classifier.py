"""The cross-encoder teacher against plain transformers code."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from dr_lightning.models.teachers import SequenceClassifier, Teacher

QUERIES = ["how do i sort a list", "zip two files", "gene"]
PASSAGES = ["the sort method of a list", "", "cancer cell " * 30, "zip"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


def reference(folder: Path, max_tokens: int = 512) -> NDArray[np.float32]:
    """One pair at a time, no padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    rows = []
    for query, passage in PAIRS:
        inputs = tokenizer(
            [QUERIES[query]],
            [PASSAGES[passage]],
            truncation="only_second",
            max_length=max_tokens,
            return_tensors="pt",
        )
        with torch.no_grad():
            rows.append(model(**inputs).logits[0].numpy())
    return np.array(rows)


def with_labels(source: Path, folder: Path, labels: int) -> Path:
    """A copy of a teacher with another number of logits."""
    config = BertConfig.from_pretrained(source)
    config.num_labels = labels
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    for file in source.glob("tokenizer*"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def two_logits(
    tmp_path_factory: pytest.TempPathFactory, tiny_teacher_dir: Path
) -> Path:
    return with_labels(tiny_teacher_dir, tmp_path_factory.mktemp("two"), 2)


def test_equals_plain_transformers(tiny_teacher_dir: Path) -> None:
    teacher: Teacher = SequenceClassifier(str(tiny_teacher_dir), device="cpu")
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, reference(tiny_teacher_dir)[:, 0], atol=2e-6)


def test_only_the_passage_is_cut(tiny_teacher_dir: Path) -> None:
    teacher = SequenceClassifier(str(tiny_teacher_dir), max_tokens=20)
    expected = reference(tiny_teacher_dir, max_tokens=20)[:, 0]
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, expected, atol=2e-6)
    assert abs(scores - reference(tiny_teacher_dir)[:, 0]).max() > 1e-3


@pytest.mark.parametrize("batch_tokens", [1, 40, 100_000])
def test_batches_do_not_change_scores(
    tiny_teacher_dir: Path, batch_tokens: int
) -> None:
    whole = SequenceClassifier(str(tiny_teacher_dir))
    other = SequenceClassifier(str(tiny_teacher_dir), batch_tokens=batch_tokens)
    expected = whole.score(QUERIES, PASSAGES, PAIRS)
    scores = other.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, expected, atol=2e-6)
    assert other.fingerprint == whole.fingerprint


def test_two_logits_give_the_log_odds(two_logits: Path) -> None:
    logits = reference(two_logits)
    second = SequenceClassifier(str(two_logits))
    first = SequenceClassifier(str(two_logits), relevance_logit=0)
    odds = logits[:, 1] - logits[:, 0]
    scores = second.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, odds, atol=5e-6)
    np.testing.assert_allclose(first.score(QUERIES, PASSAGES, PAIRS), -odds, atol=5e-6)
    assert first.fingerprint != second.fingerprint


def test_bf16_keeps_the_head_in_float32(tiny_teacher_dir: Path) -> None:
    teacher = SequenceClassifier(str(tiny_teacher_dir), precision="bf16")
    scores = torch.from_numpy(teacher.score(QUERIES, PASSAGES, PAIRS))
    expected = torch.from_numpy(reference(tiny_teacher_dir)[:, 0])
    assert (scores - expected).abs().max() < 0.1
    assert (scores != expected).any()
    assert (scores != scores.bfloat16().float()).any()


def test_fingerprint_follows_weights_and_length(
    tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    teacher = SequenceClassifier(str(tiny_teacher_dir))
    copy = shutil.copytree(tiny_teacher_dir, tmp_path / "copy")
    assert SequenceClassifier(str(copy)).fingerprint == teacher.fingerprint
    shorter = SequenceClassifier(str(tiny_teacher_dir), max_tokens=100)
    assert shorter.fingerprint != teacher.fingerprint
    other = with_labels(tiny_teacher_dir, tmp_path / "other", 1)
    assert SequenceClassifier(str(other)).fingerprint != teacher.fingerprint


def test_settings_name_the_model_not_its_place(tiny_teacher_dir: Path) -> None:
    assert SequenceClassifier(str(tiny_teacher_dir)).settings == {
        "model": "teacher",
        "relevance_logit": -1,
        "max_tokens": 512,
        "precision": "32",
    }


def test_overlong_query_is_told(
    tiny_teacher_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teacher = SequenceClassifier(str(tiny_teacher_dir), max_tokens=16)
    with caplog.at_level(logging.WARNING):
        teacher.score(["sort " * 30, "zip"], ["list"], np.array([[0, 0], [1, 0]]))
    assert "cut 1 queries" in caplog.text


def test_no_pairs_give_no_scores(tiny_teacher_dir: Path) -> None:
    teacher = SequenceClassifier(str(tiny_teacher_dir))
    assert teacher.score([], [], np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_three_logits_are_refused(tiny_teacher_dir: Path, tmp_path: Path) -> None:
    folder = with_labels(tiny_teacher_dir, tmp_path, 3)
    with pytest.raises(ValueError, match=r"has 3 logits; .* has one or two"):
        SequenceClassifier(str(folder))


@pytest.mark.parametrize("logit", [-2, 1])
def test_logit_that_is_not_there_is_refused(tiny_teacher_dir: Path, logit: int) -> None:
    with pytest.raises(ValueError, match=f"relevance_logit .* but got {logit}"):
        SequenceClassifier(str(tiny_teacher_dir), relevance_logit=logit)


@pytest.mark.parametrize("tokens", [15, 513])
def test_length_that_does_not_fit_is_refused(
    tiny_teacher_dir: Path, tokens: int
) -> None:
    with pytest.raises(ValueError, match=f"from 16 to 512, .* but got {tokens}"):
        SequenceClassifier(str(tiny_teacher_dir), max_tokens=tokens)


def test_empty_budget_is_refused(tiny_teacher_dir: Path) -> None:
    with pytest.raises(ValueError, match="batch_tokens must be at least 1, but got 0"):
        SequenceClassifier(str(tiny_teacher_dir), batch_tokens=0)


def test_encoder_without_a_head_is_refused(tiny_encoder_dir: Path) -> None:
    with pytest.raises(ValueError, match=r"lack .* of a sequence classifier"):
        SequenceClassifier(str(tiny_encoder_dir))
