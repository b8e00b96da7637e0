"""Chats that fit: with the template and tokenizer of the tiny chat model."""

from typing import Any

import pytest

from dr_lightning.generation.chat import (
    ChatRoom,
    count_tokens,
    fold_system,
    longest_beginning,
    takes_system,
)
from dr_lightning.generation.engine import Message, Request
from tests.tiny_chat_model import NO_SYSTEM, TEMPLATE, chat_tokenizer

SYSTEM = Message(role="system", content="Write one query.")
USER_ONLY = TEMPLATE.replace(
    "{% for message in messages %}",
    "{% for message in messages if message['role'] != 'system' %}",
)


def request(passage: str) -> Request:
    return Request("question", "", passage, 0, (SYSTEM,), "Passage: {passage} End.")


@pytest.mark.parametrize(
    ("template", "taken"),
    [(TEMPLATE, True), (NO_SYSTEM + TEMPLATE, False), (USER_ONLY, False)],
)
def test_system_role_is_seen_to_be_taken_refused_or_left_out(
    template: str, taken: bool
) -> None:
    assert takes_system(chat_tokenizer(template), {}) is taken


def test_chat_without_a_system_prompt_is_not_folded() -> None:
    chat = [Message(role="user", content="Hi")]
    assert fold_system(chat) == chat
    assert fold_system([SYSTEM]) == [SYSTEM]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("passage", ["Tea.", "word " * 100, "ü€𝄞" * 60])
def test_longest_passage_that_fits_is_kept(passage: str, fold: bool) -> None:
    count = count_tokens(chat_tokenizer(), {})
    chat = ChatRoom(count, 120, fold).fit(request(passage))
    assert chat is not None
    content = chat[-1]["content"]
    kept = content.split("Passage: ")[1].removesuffix(" End.")
    assert content.endswith(" End.")
    assert passage.startswith(kept)
    assert count(chat) == 120 if kept != passage else count(chat) <= 120


def test_chat_that_never_fits_is_none() -> None:
    room = ChatRoom(count_tokens(chat_tokenizer(), {}), 20, fold=False)
    assert room.fit(request("Tea.")) is None


def test_short_chats_are_not_tokenised() -> None:
    """Once for the template is enough."""
    calls: list[Any] = []
    count = count_tokens(chat_tokenizer(), {})

    def counted(chat: Any) -> int:
        calls.append(chat)
        return count(chat)

    room = ChatRoom(counted, 200, fold=False)
    for number in range(10):
        assert room.fit(request(f"Tea {number}.")) is not None
    assert len(calls) == 1


def test_options_of_the_template_are_counted() -> None:
    template = TEMPLATE + "{% if think %}thinking{% endif %}"
    tokenizer = chat_tokenizer(template)
    chat = [Message(role="user", content="Hi")]
    with_it = count_tokens(tokenizer, {"think": True})(chat)
    assert with_it == count_tokens(tokenizer, {})(chat) + len("thinking")


@pytest.mark.parametrize("room", range(8))
def test_bisection_finds_the_last_that_fits(room: int) -> None:
    assert (
        longest_beginning("queries", lambda text: len(text) <= room) == "queries"[:room]
    )
