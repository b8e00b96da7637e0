"""The HuggingFace engine on a tiny random model: prompts, shared beginnings, seeds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from dr_lightning.generation.engine import Answer, Request
from dr_lightning.generation.engines import HuggingFace
from dr_lightning.generation.fitting import TokenLimits
from dr_lightning.generation.prompts import Prompts
from dr_lightning.generation.query_type import load_query_types
from dr_lightning.generation.sampling import Sampling
from tests.tiny_models import (
    OMITS_SYSTEM,
    REFUSES_SYSTEM,
    TEMPLATE,
    chat_tokenizer,
    save_llama,
)

SHARED = Prompts(load_query_types(["title", "question"]), 13, example_sets=1)
OWN = replace(SHARED, example_sets=None)
TEXTS = [
    f"Dough number {row} rises" + " in the warm kitchen" * (row % 4) for row in range(6)
]
GREEDY = Sampling(temperature=0)


def requests(prompts: Prompts = SHARED, name: str = "title") -> list[Request]:
    return [
        prompts.request(f"p{row}", "", text, name, 0) for row, text in enumerate(TEXTS)
    ]


@pytest.fixture(scope="module")
def engine(tiny_chat_dir: Path) -> HuggingFace:
    return HuggingFace(str(tiny_chat_dir), sampling=GREEDY, batch_size=4)


def texts(engine: HuggingFace, asked: list[Request]) -> list[str]:
    return [answer.text for answer in engine.answer(asked)]


def test_answers_are_those_of_plain_generate(tmp_path: Path) -> None:
    """One prompt at a time, the template applied by the tokenizer, no tricks."""
    folder = str(save_llama(tmp_path, chat_tokenizer()))
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    engine = HuggingFace(folder, sampling=GREEDY, batch_size=4)
    answers = engine.answer(requests())
    assert len({answer.text for answer in answers}) > 1
    assert min(answer.tokens for answer in answers) > 9
    for request, answer in zip(requests(), answers, strict=True):
        ids = tokenizer.apply_chat_template(
            request.messages(),
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        whole = model.generate(**ids, max_new_tokens=50, pad_token_id=1)[0]
        plain = tokenizer.decode(whole[ids["input_ids"].shape[1] :])
        assert plain.startswith(answer.text)
        assert answer.prompt_tokens == ids["input_ids"].shape[1]


def test_a_shared_beginning_changes_no_answer(
    engine: HuggingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = texts(engine, requests())
    read: list[int] = []
    monkeypatch.setattr(engine.model, "read", lambda ids: read.append(len(ids)))
    assert texts(engine, requests()) == shared
    assert len(read) == 1  # once for two batches
    texts(engine, requests(OWN))
    assert read[0] > 3 * read[1]


def test_answers_keep_the_order_of_the_requests(engine: HuggingFace) -> None:
    asked = [*requests(), *requests(name="question"), *requests(OWN)]
    whole = dict(zip(map(str, asked), texts(engine, asked), strict=True))
    backwards = asked[::-1]
    assert texts(engine, backwards) == [whole[str(request)] for request in backwards]


def test_answers_are_reported_as_their_batch_is_done(
    engine: HuggingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six prompts of one beginning are two batches of three."""
    asked = requests()
    heard: dict[int, Answer] = {}
    before: list[int] = []
    write = engine.model.write

    def watched(*arguments: Any, **options: Any) -> list[Answer]:
        before.append(len(heard))
        return write(*arguments, **options)

    monkeypatch.setattr(engine.model, "write", watched)
    whole = engine.answer(asked, heard.__setitem__)
    assert before == [0, 3]
    assert [heard[row] for row in range(len(asked))] == whole


def test_a_seed_decides_whatever_the_neighbours_are(tiny_chat_dir: Path) -> None:
    engine = HuggingFace(str(tiny_chat_dir), sampling=Sampling(0.8, 0.9))
    whole = engine.answer(requests())
    assert engine.answer(requests()) == whole
    assert engine.answer(requests()[2:3]) == whole[2:3]
    other = [replace(request, seed=request.seed + 1) for request in requests()]
    assert engine.answer(other) != whole


def test_a_passage_is_cut_so_that_the_prompt_fits(tiny_chat_dir: Path) -> None:
    short = Sampling(temperature=0, max_tokens=5)
    limits = TokenLimits(max_prompt_tokens=700)
    engine = HuggingFace(str(tiny_chat_dir), short, limits)
    long = replace(requests()[0], passage="dough rises " * 400)
    (answer,) = engine.answer([long])
    assert answer.fault is None
    assert 690 <= answer.prompt_tokens <= 700
    cut = HuggingFace(str(tiny_chat_dir), short, TokenLimits(max_passage_tokens=20))
    (answer,) = cut.answer([long])
    (empty,) = cut.answer([replace(long, passage="")])
    assert 15 < answer.prompt_tokens - empty.prompt_tokens <= 21


def test_the_model_s_context_is_a_limit(tmp_path: Path) -> None:
    folder = save_llama(tmp_path, chat_tokenizer(), max_position_embeddings=90)
    engine = HuggingFace(str(folder), Sampling(max_tokens=10))
    long = Request("title", "", "dough rises " * 400, 1)
    many_shots, fits = engine.answer([requests()[0], long])
    assert many_shots.fault == "the prompt does not fit the model"
    assert fits.fault is None
    assert 70 < fits.prompt_tokens <= 80
    with pytest.raises(ValueError, match="takes 90 tokens, too few for max_prompt"):
        HuggingFace(str(folder), limits=TokenLimits(max_prompt_tokens=80))


def prompt_of(
    engine: HuggingFace, request: Request, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What the model reads for a request."""
    read: list[list[int]] = []

    def write(prompts: list[list[int]], *_: Any) -> list[Answer]:
        read.extend(prompts)
        return [Answer("")] * len(prompts)

    monkeypatch.setattr(engine.model, "write", write)
    engine.answer([request])
    return str(engine.model.tokenizer.decode(read[0]))


def test_a_refused_system_message_goes_into_the_first_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = HuggingFace(str(save_llama(tmp_path, chat_tokenizer(REFUSES_SYSTEM))))
    request = requests()[0]
    told = prompt_of(engine, request, monkeypatch)
    assert "<|system|>" not in told
    assert told.startswith(f"<s><|user|>{request.shots[0]['content']}\n\nWrite a title")
    assert told.count("<s>") == 1
    assert told.endswith("<|assistant|>")


def test_a_system_message_that_a_template_leaves_out_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = HuggingFace(str(save_llama(tmp_path, chat_tokenizer(OMITS_SYSTEM))))
    request = requests()[0]
    told = prompt_of(engine, request, monkeypatch)
    assert request.shots[0]["content"] in told


def test_an_answer_ends_with_its_first_line(
    engine: HuggingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every token is taken for a line break, one token is a whole answer."""
    monkeypatch.setattr(engine.model, "breaks", torch.ones_like(engine.model.breaks))
    monkeypatch.setattr(
        engine.model.tokenizer, "decode", lambda ids, **_: "dough\n" * len(ids)
    )
    answers = engine.answer(requests())
    assert {answer.tokens for answer in answers} <= {0, 1}
    assert all(answer.complete for answer in answers)


def test_an_answer_at_the_limit_is_not_complete(tiny_chat_dir: Path) -> None:
    engine = HuggingFace(str(tiny_chat_dir), Sampling(1.0, max_tokens=1))
    answers = engine.answer([r for p in (SHARED, OWN) for r in requests(p)])
    assert {a.complete for a in answers if a.tokens == 1} == {False}
    assert any(a.tokens for a in answers)


def test_fingerprint_follows_model_and_settings(
    tiny_chat_dir: Path, tmp_path: Path
) -> None:
    name = str(tiny_chat_dir)
    first = HuggingFace(name)
    assert HuggingFace(name).fingerprint == first.fingerprint
    other = save_llama(tmp_path / "other", chat_tokenizer(TEMPLATE + " "), ends=40)
    variants = [
        HuggingFace(name, sampling=GREEDY),
        HuggingFace(name, Sampling(max_tokens=9)),
        HuggingFace(name, batch_size=2),
        HuggingFace(name, precision="bf16"),
        HuggingFace(str(other)),
    ]
    assert first.fingerprint not in {variant.fingerprint for variant in variants}
    assert first.settings["model"] == tiny_chat_dir.name
    assert str(tiny_chat_dir.parent) not in str(first.settings)


def test_faulty_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, but got 0"):
        HuggingFace("nowhere", batch_size=0)
    with pytest.raises(ValueError, match="has no chat template"):
        HuggingFace(str(save_llama(tmp_path, chat_tokenizer(None))))


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    """They would be random, and so would the queries."""
    file = save_llama(tmp_path, chat_tokenizer()) / "model.safetensors"
    weights = load_file(file)
    del weights["model.norm.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 parameters .*'model\.norm\.weight'"):
        HuggingFace(str(tmp_path))
