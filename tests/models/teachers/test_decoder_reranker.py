"""Decoder rerankers against plain transformers code, as the model cards write it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from dr_lightning.models.teachers import DecoderReranker, Teacher
from dr_lightning.models.teachers.prompt import Prompt
from tests.tiny_models import save_gemma, save_qwen

CONFIGS = Path(__file__).parents[3] / "configs" / "teacher"
QUERIES = ["how do i sort a list?", "zip two files", "gene"]
PASSAGES = ["the sort method of a list.", "", "cancer cell " * 130, "(zip)"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


def prompt(name: str) -> Prompt:
    """The prompt of a part file."""
    part = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text("utf-8"))
    return Prompt(**part["init_args"]["prompt"])


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gemma(tmp_path_factory.mktemp("gemma"))


def last_logits(
    folder: Path, prompts: list[list[int]], sides: str = "none"
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Logits behind the last token: one prompt at a time, or filled up on the left."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)  # in evaluation mode
    with torch.no_grad():
        if sides == "left":
            tokenizer.padding_side = "left"
            batch = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
            found = model(**batch).logits[:, -1]
        else:
            rows = [model(torch.tensor([ids])).logits[0, -1] for ids in prompts]
            found = torch.stack(rows)
    return found.numpy(), tokenizer.get_vocab()


def qwen_prompts(folder: Path, max_tokens: int) -> list[list[int]]:
    """As on Qwen3-Reranker's card: frame and pair are tokenised apart, the pair cut."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    head = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on"
        " the Query and the Instruct provided. Note that the answer can only be "
        '"yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    tail = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    task = "Given a web search query, retrieve relevant passages that answer the query"
    before: list[int] = tokenizer(head)["input_ids"]
    after: list[int] = tokenizer(tail)["input_ids"]
    room = max_tokens - len(before) - len(after)
    texts = [
        f"<Instruct>: {task}\n<Query>: {QUERIES[q]}\n<Document>: {PASSAGES[p]}"
        for q, p in PAIRS
    ]
    pairs: list[list[int]] = tokenizer(texts)["input_ids"]
    return [before + ids[:room] + after for ids in pairs]


def gemma_prompts(folder: Path, max_tokens: int) -> list[list[int]]:
    """As on bge-reranker-v2-gemma's card, the query's line in one piece."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    task = (
        "\nGiven a query A and a passage B, determine whether the passage contains an "
        "answer to the query by providing a prediction of either 'Yes' or 'No'."
    )

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    prompts = []
    for query, passage in PAIRS:
        pair = ids(f"A: {QUERIES[query]}\nB: {PASSAGES[passage]}")
        room = max_tokens - 1 - len(ids(task))
        bos = tokenizer.get_vocab()["<bos>"]
        prompts.append([bos, *pair[:room], *ids(task)])
    return prompts


@pytest.mark.parametrize("sides", ["none", "left"])
@pytest.mark.parametrize("max_tokens", [1000, 400])
def test_qwen_equals_plain_transformers(
    qwen: Path, max_tokens: int, sides: str
) -> None:
    found, vocabulary = last_logits(qwen, qwen_prompts(qwen, max_tokens), sides)
    teacher: Teacher = DecoderReranker(
        str(qwen), prompt("qwen3_reranker"), max_tokens=max_tokens
    )
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    expected = found[:, vocabulary["yes"]] - found[:, vocabulary["no"]]
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("max_tokens", [1000, 300])
def test_gemma_equals_plain_transformers(gemma: Path, max_tokens: int) -> None:
    """Gemma 2 caps its logits: that stays the model's own business."""
    found, vocabulary = last_logits(gemma, gemma_prompts(gemma, max_tokens))
    assert abs(found).max() > 2.5  # so that the cap at 3 bends
    teacher = DecoderReranker(
        str(gemma), prompt("bge_reranker_gemma"), max_tokens=max_tokens
    )
    scores = teacher.score(QUERIES, PASSAGES, PAIRS)
    np.testing.assert_allclose(scores, found[:, vocabulary["Yes"]], atol=1e-4)


def test_cutting_changes_long_passages_only(qwen: Path) -> None:
    whole, short = (
        DecoderReranker(str(qwen), prompt("qwen3_reranker"), max_tokens=tokens).score(
            QUERIES, PASSAGES, PAIRS
        )
        for tokens in (1000, 400)
    )
    changed = np.abs(whole - short) > 1e-3
    assert changed.tolist() == (PAIRS[:, 1] == 2).tolist()


@pytest.mark.parametrize("batch_tokens", [1, 2000, 100_000])
def test_batches_and_order_do_not_change_scores(qwen: Path, batch_tokens: int) -> None:
    asked = prompt("qwen3_reranker")
    whole = DecoderReranker(str(qwen), asked, max_tokens=800)
    other = DecoderReranker(str(qwen), asked, max_tokens=800, batch_tokens=batch_tokens)
    expected = whole.score(QUERIES, PASSAGES, PAIRS)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    scores = other.score(QUERIES, PASSAGES, PAIRS[order])
    np.testing.assert_allclose(scores, expected[order], atol=1e-4)
    assert other.fingerprint == whole.fingerprint


@pytest.mark.parametrize("precision", ["bf16", "bf16-true"])
def test_bf16_keeps_the_last_layer_in_float32(qwen: Path, precision: str) -> None:
    asked = Prompt("{query} {passage}\n", "yes", "no")
    exact = DecoderReranker(str(qwen), asked)
    teacher = DecoderReranker(
        str(qwen),
        asked,
        precision=precision,  # type: ignore[arg-type]
    )
    scores = torch.from_numpy(teacher.score(QUERIES, PASSAGES, PAIRS))
    wanted = exact.score(QUERIES, PASSAGES, PAIRS)
    assert 0 < np.abs(scores.numpy() - wanted).max() < 0.1 * np.ptp(wanted)
    assert (scores != scores.bfloat16().float()).all()
    assert teacher.fingerprint != exact.fingerprint
    assert teacher.settings["precision"] == precision


def test_fingerprint_follows_the_prompt(qwen: Path) -> None:
    prompts = [
        Prompt("{query} {passage}", "yes", "no"),
        Prompt("{query} {passage}", "yes"),
        Prompt("{query} {passage}", "no", "yes"),
        Prompt("{query}: {passage}", "yes", "no"),
    ]
    made = [DecoderReranker(str(qwen), asked) for asked in prompts]
    assert len({teacher.fingerprint for teacher in made}) == len(made)
    odds, yes, opposite, _ = (t.score(QUERIES, PASSAGES, PAIRS) for t in made)
    np.testing.assert_allclose(odds, -opposite, atol=1e-5)
    assert np.abs(odds - yes).max() > 1e-3


def test_answer_of_two_tokens_is_refused(qwen: Path) -> None:
    with pytest.raises(ValueError, match=r"'maybe' is no token .* reads it as \['m"):
        DecoderReranker(str(qwen), Prompt("{query} {passage}", "maybe"))


def test_prompt_that_leaves_no_room_is_refused(qwen: Path) -> None:
    with pytest.raises(ValueError, match=r"max_tokens must be from \d{3} to 1024"):
        DecoderReranker(str(qwen), prompt("qwen3_reranker"), max_tokens=100)


def test_encoder_is_refused(tiny_encoder_dir: Path) -> None:
    with pytest.raises(ValueError, match=r"lack .* of a causal language model"):
        DecoderReranker(str(tiny_encoder_dir), Prompt("{query} {passage}", "yes"))
