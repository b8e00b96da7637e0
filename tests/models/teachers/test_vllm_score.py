"""The teacher that runs in vLLM against plain transformers code."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from dr_lightning.models.teachers import (
    DecoderReranker,
    SequenceClassifier,
    Teacher,
    VLLMScore,
)
from dr_lightning.models.teachers.prompt import Prompt
from tests.tiny_models import letter_tokenizer, save_qwen
from tests.vllm_setting import ON_CPU, needs_vllm

pytestmark = needs_vllm

QUERIES = ["how do i sort a list", "zip two files", "gene"]
PASSAGES = ["the sort method of a list", "", "cancer cell " * 30, "zip"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


def classifier(tokenizer: Path, folder: Path, labels: int) -> Path:
    """A random BERT with heads of a size that vLLM has kernels for on a CPU."""
    config = BertConfig.from_pretrained(tokenizer)
    config.hidden_size, config.num_attention_heads = 64, 2
    config.num_labels = labels
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    for file in tokenizer.glob("tokenizer*"):
        shutil.copy(file, folder)
    return folder


@pytest.mark.parametrize("labels", [1, 2])
def test_scores_are_the_logits_of_transformers(
    tiny_teacher_dir: Path, tmp_path: Path, labels: int
) -> None:
    """Also where a pair is cut: 40 tokens are less than a long passage has."""
    folder = classifier(tiny_teacher_dir, tmp_path / "model", labels)
    teacher: Teacher = VLLMScore(str(folder), max_tokens=40, runtime=ON_CPU)
    plain = SequenceClassifier(str(folder), max_tokens=40, device="cpu")
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    assert scores.dtype == np.float32
    expected = plain.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert np.ptp(expected) > 0.01
    assert teacher.score([], [], np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_settings_name_the_model_and_fingerprint_follows_it(
    tiny_teacher_dir: Path, tmp_path: Path
) -> None:
    teacher = VLLMScore(str(tiny_teacher_dir))
    assert teacher.settings == {
        "model": "teacher",
        "relevance_logit": -1,
        "max_tokens": 512,
        "dtype": "float32",
    }
    shorter = VLLMScore(str(tiny_teacher_dir), max_tokens=100)
    other = VLLMScore(str(classifier(tiny_teacher_dir, tmp_path / "teacher", 1)))
    again = VLLMScore(str(tiny_teacher_dir), runtime=ON_CPU)
    assert again.fingerprint == teacher.fingerprint
    prints = {part.fingerprint for part in (teacher, shorter, other)}
    assert len(prints) == 3


def test_model_that_judges_no_pairs_is_refused(
    tiny_teacher_dir: Path, tiny_encoder_dir: Path, tmp_path: Path
) -> None:
    three = classifier(tiny_teacher_dir, tmp_path / "three", 3)
    with pytest.raises(ValueError, match=r"but is BertForSequenceClass.* with 3"):
        VLLMScore(str(three))
    with pytest.raises(
        ValueError, match=r"must be a sequence classifier .* is BertModel"
    ):
        VLLMScore(str(tiny_encoder_dir))


def test_setting_that_does_not_fit_the_model_is_refused(tiny_teacher_dir: Path) -> None:
    with pytest.raises(ValueError, match=r"relevance_logit .* but got 1"):
        VLLMScore(str(tiny_teacher_dir), relevance_logit=1)
    with pytest.raises(ValueError, match=r"from 16 to 512, .* but got 513"):
        VLLMScore(str(tiny_teacher_dir), max_tokens=513)


@pytest.mark.parametrize("other", ["n", None])
def test_decoder_s_scores_are_those_of_the_decoder_reranker(
    tmp_path: Path, other: str | None
) -> None:
    save_qwen(tmp_path, letter_tokenizer())
    prompt = Prompt("<|user|>Query: {query} Passage: {passage}<|end|>", "y", other)
    teacher = VLLMScore(str(tmp_path), max_tokens=90, runtime=ON_CPU, prompt=prompt)
    plain = DecoderReranker(str(tmp_path), prompt, max_tokens=90, device="cpu")
    expected = plain.score(QUERIES, PASSAGES, PAIRS)
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert np.ptp(expected) > 0.1


def test_prompt_for_a_classifier_is_refused(tiny_teacher_dir: Path) -> None:
    with pytest.raises(ValueError, match=r"prompt is for a decoder reranker, but"):
        VLLMScore(str(tiny_teacher_dir), prompt=Prompt("{query} {passage}", "yes"))
