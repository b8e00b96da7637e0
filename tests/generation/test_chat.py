"""Chats that fit: with the template and tokenizer of the tiny chat model."""

from typing import Any

import pytest

from dr_lightning.generation import chat
from dr_lightning.generation.chat import (
    ChatRoom,
    fold_system,
    prompt_ids,
    takes_system,
)
from dr_lightning.generation.engine import Message, Request
from tests.tiny_models import OMITS_SYSTEM, REFUSES_SYSTEM, TEMPLATE, letter_tokenizer

SYSTEM = Message(role="system", content="Write one query.")


def request(passage: str) -> Request:
    return Request("question", "", passage, 0, (SYSTEM,), "Passage: {passage} End.")


@pytest.mark.parametrize(
    ("template", "taken"),
    [(TEMPLATE, True), (REFUSES_SYSTEM, False), (OMITS_SYSTEM, False)],
)
def test_system_role_is_seen_to_be_taken_refused_or_left_out(
    template: str, taken: bool
) -> None:
    assert takes_system(letter_tokenizer(template), {}) is taken


def test_chat_without_a_system_prompt_is_not_folded() -> None:
    hello = [Message(role="user", content="Hi")]
    assert fold_system(hello) == hello
    assert fold_system([SYSTEM]) == [SYSTEM]


@pytest.mark.parametrize("template", [TEMPLATE, REFUSES_SYSTEM])
@pytest.mark.parametrize("passage", ["Tea.", "word " * 100, "ü€𝄞" * 60])
def test_longest_passage_that_fits_is_kept(passage: str, template: str) -> None:
    """A letter is a token, and only whole words of "word " are kept."""
    tokenizer = letter_tokenizer(template)
    made = ChatRoom(tokenizer, 120).fit(request(passage))
    assert made is not None
    content = made[-1]["content"]
    kept = content.split("Passage: ")[1].removesuffix(" End.")
    assert content.endswith(" End.")
    assert passage.startswith(kept)
    spare = 120 - len(prompt_ids(tokenizer, made, {}))
    assert spare >= 0
    if kept != passage:
        assert spare < (len("word ") if " " in passage else 1)


def test_chat_that_never_fits_is_none() -> None:
    assert ChatRoom(letter_tokenizer(), 20).fit(request("Tea.")) is None


def test_chat_without_a_limit_is_whole() -> None:
    long = request("word " * 1000)
    assert ChatRoom(letter_tokenizer(), None).fit(long) == long.messages()


def test_short_chats_are_not_tokenised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the template is enough."""
    room = ChatRoom(letter_tokenizer(), 200)
    calls: list[Any] = []

    def counted(tokenizer: Any, *chat: Any) -> list[int]:
        calls.append(chat)
        return prompt_ids(tokenizer, *chat)

    monkeypatch.setattr(chat, "prompt_ids", counted)
    for number in range(10):
        assert room.fit(request(f"Tea {number}.")) is not None
    assert len(calls) == 1


def test_options_of_the_template_are_counted() -> None:
    template = TEMPLATE + "{% if think %}thinking{% endif %}"
    tokenizer = letter_tokenizer(template)
    hello = [Message(role="user", content="Hi")]
    plain = prompt_ids(tokenizer, hello, {})
    assert prompt_ids(tokenizer, hello, {"think": True})[: len(plain)] == plain
    asked = Request("question", "", "", 0, (), "Hi")
    least = len(plain) + len("thinking")
    assert ChatRoom(tokenizer, least, {"think": True}).fit(asked) == hello
    assert ChatRoom(tokenizer, least - 1, {"think": True}).fit(asked) is None
