"""monoT5 and RankT5 against plain transformers code."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, T5EncoderModel, T5ForConditionalGeneration

from dr_lightning.models.teachers import MonoT5, RankT5, Teacher
from tests.tiny_models import save_t5

QUERIES = ["how do i sort a list", "zip two files?", "gene"]
PASSAGES = ["the sort method of a list", "", "cancer cell " * 30, "zip (2)"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return save_t5(tmp_path_factory.mktemp("t5"), tied=request.param)


def logits(
    folder: Path, form: str, ending: str = "", max_tokens: int | None = None
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """All logits of the first step: one pair at a time, no padding, no cache."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = T5ForConditionalGeneration.from_pretrained(folder)  # in evaluation mode
    end = tokenizer(ending)["input_ids"]  # with </s>
    rows = []
    for query, passage in PAIRS:
        text = form.format(QUERIES[query], PASSAGES[passage])
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = (ids if max_tokens is None else ids[: max_tokens - len(end)]) + end
        with torch.no_grad():
            output = model(torch.tensor([ids]), decoder_input_ids=torch.tensor([[0]]))
        rows.append(output.logits[0, 0].numpy())
    return np.array(rows), tokenizer.get_vocab()


def mono(folder: Path, max_tokens: int | None = None) -> NDArray[np.float32]:
    form = "Query: {} Document: {}"
    found, vocabulary = logits(folder, form, "Relevant:", max_tokens)
    odds: NDArray[np.float32] = found[:, vocabulary["▁true"]]
    return odds - found[:, vocabulary["▁false"]]


def test_monot5_equals_plain_transformers(folder: Path) -> None:
    teacher: Teacher = MonoT5(str(folder), device="cpu")
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, mono(folder), atol=1e-4)


def test_monot5_ranks_as_the_published_log_softmax(folder: Path) -> None:
    """The published score, log softmax of true and false, is log sigmoid of ours."""
    found, vocabulary = logits(folder, "Query: {} Document: {}", "Relevant:")
    two = torch.from_numpy(found[:, [vocabulary["▁false"], vocabulary["▁true"]]])
    published = two.log_softmax(dim=1)[:, 1]
    ours = torch.from_numpy(MonoT5(str(folder)).score(QUERIES, PASSAGES, PAIRS))
    torch.testing.assert_close(
        torch.nn.functional.logsigmoid(ours), published, atol=1e-4, rtol=0
    )


def test_rankt5_equals_plain_transformers(folder: Path) -> None:
    found, vocabulary = logits(folder, "Query: {} Document: {}")
    scores = RankT5(str(folder)).score(QUERIES, PASSAGES, PAIRS)
    expected = found[:, vocabulary["<extra_id_10>"]]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_whole_prompt_is_read_as_the_tokenizer_would(folder: Path) -> None:
    """The pieces that are tokenised once give the ids of the whole text."""
    teacher = MonoT5(str(folder))
    answers = teacher._step.answers
    tokens = answers.tokens.pairs(QUERIES, PASSAGES, PAIRS, 512)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for row, (query, passage) in enumerate(PAIRS):
        text = f"Query: {QUERIES[query]} Document: {PASSAGES[passage]} Relevant:"
        ids, _, _ = tokens.batch(np.array([row]))
        assert ids[0].tolist() == tokenizer(text)["input_ids"]


def test_only_the_passage_is_cut(folder: Path) -> None:
    short = MonoT5(str(folder), max_tokens=40).score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(short, mono(folder, max_tokens=40), atol=1e-4)
    assert abs(short - mono(folder)).max() > 1e-3


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_batches_and_order_do_not_change_scores(
    folder: Path, batch_tokens: int
) -> None:
    teacher = MonoT5(str(folder), batch_tokens=batch_tokens)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    scores = teacher.score(QUERIES, PASSAGES, PAIRS[order])
    np.testing.assert_allclose(scores, mono(folder)[order], atol=1e-4)
    assert teacher.fingerprint == MonoT5(str(folder)).fingerprint


@pytest.mark.parametrize("kind", [MonoT5, RankT5])
def test_bf16_keeps_the_last_layer_in_float32(
    folder: Path, kind: type[MonoT5 | RankT5]
) -> None:
    exact = kind(str(folder)).score(QUERIES, PASSAGES, PAIRS)
    teacher = kind(str(folder), precision="bf16")
    scores = torch.from_numpy(teacher.score(QUERIES, PASSAGES, PAIRS))
    assert 0 < np.abs(scores.numpy() - exact).max() < 0.1 * np.ptp(exact)
    assert (scores != scores.bfloat16().float()).all()
    assert teacher.fingerprint != kind(str(folder)).fingerprint


def test_fingerprint_follows_settings_and_kind(folder: Path) -> None:
    made = [
        MonoT5(str(folder)),
        MonoT5(str(folder), max_tokens=100),
        MonoT5(str(folder), relevant="▁yes", other="▁no"),
        RankT5(str(folder)),
        RankT5(str(folder), relevant="<extra_id_9>"),
    ]
    assert len({teacher.fingerprint for teacher in made}) == len(made)
    assert made[2].settings["tokens"] == "▁yes, ▁no"


def test_overlong_query_leaves_room_for_the_rest(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cut so that the ending and a quarter for the passage stay."""
    teacher = MonoT5(str(folder), max_tokens=48)
    with caplog.at_level(logging.WARNING):
        scores = teacher.score(["sort " * 90], PASSAGES, PAIRS[:4])
    assert "cut 1 queries" in caplog.text
    assert len(set(scores.tolist())) == 4


def test_model_without_a_decoder_is_refused(folder: Path, tmp_path: Path) -> None:
    encoder = T5EncoderModel.from_pretrained(folder)
    encoder.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lack .* of an encoder-decoder"):
        RankT5(str(tmp_path))


def test_token_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'true' is no token .* its tokenizer reads"):
        MonoT5(str(folder), relevant="true")


@pytest.mark.parametrize("tokens", [16, 513])
def test_length_that_does_not_fit_is_refused(folder: Path, tokens: int) -> None:
    with pytest.raises(ValueError, match=rf"from \d+ to 512, .* but got {tokens}"):
        MonoT5(str(folder), max_tokens=tokens)
