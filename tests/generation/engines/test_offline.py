"""The engine that runs in vLLM: the real one, on a random Llama made here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from dr_lightning.generation.engine import Answer, Engine, Message, Request
from dr_lightning.generation.engines import VLLM
from dr_lightning.generation.sampling import Sampling
from dr_lightning.models.vllm_runtime import VLLMRuntime
from tests.tiny_models import (
    REFUSES_SYSTEM,
    TEMPLATE,
    letter_tokenizer,
    save_llama,
)
from tests.vllm_setting import ON_CPU, needs_vllm

pytestmark = needs_vllm

SHOTS = (
    Message(role="system", content="Write one query."),
    Message(role="user", content="Passage: Tea is made of leaves."),
    Message(role="assistant", content="what is tea made of"),
)


def request(passage: str, seed: int = 0, shots: Sequence[Message] = SHOTS) -> Request:
    return Request("question", "", passage, seed, tuple(shots), "Passage: {passage}")


def write_model(folder: Path, template: str | None = TEMPLATE) -> Path:
    """Narrow weights make all letters about as likely, newlines among them."""
    return save_llama(folder, letter_tokenizer(template), initializer_range=0.02)


def engine_of(folder: Path, **changed: int) -> VLLM:
    return VLLM(
        str(folder),
        max_model_len=256,
        dtype="float32",
        runtime=ON_CPU,
        sampling=Sampling(**({"max_tokens": 20} | changed)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("llm") / "tiny")


@pytest.fixture(scope="module")
def engine(folder: Path) -> VLLM:
    return engine_of(folder)


def test_answers_are_reproduced_by_their_seeds(engine: VLLM) -> None:
    protocol: Engine = engine
    passages = ["Bread rises.", "Rain falls.", "Bread rises."]
    seeds = (2**63 - 1, 1, 2)
    asked = [request(*pair) for pair in zip(passages, seeds, strict=True)]
    answers = protocol.answer(asked)
    assert protocol.answer(asked[::-1]) == answers[::-1]
    assert answers[0].text != answers[2].text  # one prompt, two seeds
    assert all(answer.fault is None and answer.tokens for answer in answers)
    assert protocol.answer([]) == []


def templated(folder: Path, chat: Sequence[Message]) -> list[int]:
    """As transformers makes it, with the generation prompt."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    ids: list[int] = tokenizer.apply_chat_template(
        list(chat), add_generation_prompt=True, return_dict=False
    )
    assert ids.count(tokenizer.bos_token_id) == 1
    return ids


def read_by(
    engine: VLLM, asked: Request, monkeypatch: pytest.MonkeyPatch
) -> list[list[int]]:
    """Token ids of the prompts that vLLM reads for a request."""
    engine.answer([])  # the model is loaded
    chat = engine._llm.chat
    read: list[list[int]] = []

    def spy(*args: Any, **options: Any) -> Any:
        outputs = chat(*args, **options)
        read.extend(output.prompt_token_ids for output in outputs)
        return outputs

    monkeypatch.setattr(engine._llm, "chat", spy)
    (answer,) = engine.answer([asked])
    assert answer.prompt_tokens == len(read[0])
    return read


def test_prompt_is_the_chat_template_s(
    engine: VLLM, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request("Bread rises.")
    ids = templated(folder, asked.messages())
    assert read_by(engine, asked, monkeypatch)[0] == ids


def test_long_passage_is_cut_and_nothing_else(engine: VLLM) -> None:
    long, short = engine.answer([request("word " * 400), request("word")])
    assert long.fault is None
    assert 256 - 20 - len("word ") < long.prompt_tokens <= 256 - 20
    assert short.prompt_tokens < 256 - 20


def test_prompt_that_never_fits_is_a_fault_among_answers(engine: VLLM) -> None:
    shots = (Message(role="user", content="x" * 300),)
    answers = engine.answer([request("a"), request("a", shots=shots), request("b")])
    assert answers[1] == Answer("", fault="the prompt does not fit the model")
    assert [answer.fault for answer in answers[::2]] == [None, None]


def test_prompt_that_vllm_refuses_is_a_fault_among_answers(
    engine: VLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the count of tokens fails to see that a prompt is too long."""
    monkeypatch.setattr(engine._room, "_tokens", 10_000)
    asked = [request("a"), request("word " * 400), request("b")]
    answers = engine.answer(asked)
    assert answers[1] == Answer("", fault="refused by vLLM")
    monkeypatch.undo()
    assert answers[::2] == engine.answer(asked[::2])


def test_one_line_is_written_even_behind_empty_lines(engine: VLLM) -> None:
    """Hot sampling draws newlines, at the beginning too."""
    hot = VLLM.__new__(VLLM)
    hot.__dict__ = engine.__dict__ | {"_sampling": Sampling(temperature=2)}
    answers = hot.answer([request("Tea", seed=seed) for seed in range(300)])
    assert all(
        "\n" not in answer.text.strip() or answer.text[0] == "\n" for answer in answers
    )
    behind = [answer for answer in answers if answer.text.startswith("\n")]
    assert any(answer.text.strip() for answer in behind)


def test_answer_at_the_limit_is_told(folder: Path, engine: VLLM) -> None:
    answers = engine.answer([request("Tea", seed=seed) for seed in range(50)])
    cut = [answer for answer in answers if not answer.complete]
    assert cut
    assert all(answer.tokens == 20 for answer in cut)


def test_template_without_a_system_role_gets_the_prompt_in_the_first_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "tiny", REFUSES_SYSTEM)
    asked = request("Bread rises.")
    content = "Write one query.\n\n" + SHOTS[1]["content"]
    chat = [Message(role="user", content=content), *asked.messages()[2:]]
    read = read_by(engine_of(folder), asked, monkeypatch)
    assert read[0] == templated(folder, chat)


def test_model_without_chat_template_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", None)
    with pytest.raises(ValueError, match="'tiny' has no chat template"):
        engine_of(folder).answer([request("Tea")])


def test_fingerprint_follows_weights_and_sampling_not_the_place(
    folder: Path, tmp_path: Path, engine: VLLM
) -> None:
    again = write_model(tmp_path / "tiny")
    assert engine_of(again).fingerprint == engine.fingerprint
    assert engine_of(folder, max_tokens=21).fingerprint != engine.fingerprint
    weights = again / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert engine_of(again).fingerprint != engine.fingerprint


def test_settings_name_the_model_not_its_place(engine: VLLM) -> None:
    assert engine.settings == {
        "model": "tiny",
        "revision": None,
        "temperature": 0.8,
        "top_p": 1.0,
        "max_tokens": 20,
        "max_model_len": 256,
        "dtype": "float32",
        "template": {},
    }


def test_answer_that_leaves_no_room_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="max_model_len must be above max_tokens, 50"):
        VLLM(str(folder), max_model_len=50, runtime=VLLMRuntime())
