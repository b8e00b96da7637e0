"""Chats that fit a model: its context, and the roles that its template knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from dr_lightning.generation.engine import Message, Request
from dr_lightning.generation.fitting import longest_beginning


def fold_system(messages: Sequence[Message]) -> list[Message]:
    r"""Moves a system prompt to the top of the first message of the user.

    Args:
        messages: A chat.

    Example:
        >>> system = Message(role="system", content="Be brief.")
        >>> fold_system([system, Message(role="user", content="Hi")])
        [{'role': 'user', 'content': 'Be brief.\n\nHi'}]
    """
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, user, *rest = messages
    content = f"{system['content']}\n\n{user['content']}"
    return [Message(role=user["role"], content=content), *rest]


def takes_system(tokenizer: Any, options: Mapping[str, object]) -> bool:
    """Whether a chat template shows the model a system prompt.

    Some templates raise an error, others leave it out without a word.

    Args:
        tokenizer: A tokenizer with a chat template.
        options: Variables of the template.
    """
    system = Message(role="system", content="Sunflower")
    user = Message(role="user", content="Hi")
    try:
        text = tokenizer.apply_chat_template([system, user], tokenize=False, **options)
    except TemplateError:
        return False
    return "Sunflower" in text


def prompt_ids(
    tokenizer: Any, messages: Sequence[Message], options: Mapping[str, object]
) -> list[int]:
    """Token ids of a chat, ready for the answer.

    The template writes the special tokens; the tokenizer adds none.

    Args:
        tokenizer: A tokenizer with a chat template.
        messages: The chat.
        options: Variables of the template.
    """
    ids: list[int] = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, return_dict=False, **options
    )
    return ids


class ChatRoom:
    """Makes chats of requests, each passage cut so that the chat fits.

    Args:
        tokenizer: A tokenizer with a chat template.
        tokens: What a chat may have; null = no limit.
        options: Variables of the template; null = none.
    """

    def __init__(
        self,
        tokenizer: Any,
        tokens: int | None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._tokenizer, self._tokens = tokenizer, tokens
        self._options = dict(options or {})
        self._fold = not takes_system(tokenizer, self._options)
        self._frames: dict[tuple[str, ...], int] = {}

    def fit(self, request: Request) -> list[Message] | None:
        """The chat of a request; null where even an empty passage is too much.

        Args:
            request: What to write.
        """
        passage = longest_beginning(
            request.passage, lambda text: self._fits(self._chat(request, text))
        )
        return None if passage is None else self._chat(request, passage)

    def _chat(self, request: Request, passage: str) -> list[Message]:
        messages = request.messages(passage)
        return fold_system(messages) if self._fold else messages

    def _count(self, chat: Sequence[Message]) -> int:
        return len(prompt_ids(self._tokenizer, chat, self._options))

    def _fits(self, chat: Sequence[Message]) -> bool:
        if self._tokens is None:
            return True
        # A token stands for a byte or more, so most chats need not be tokenised.
        size = sum(len(message["content"].encode()) for message in chat)
        if size + self._frame(chat) <= self._tokens:
            return True
        return self._count(chat) <= self._tokens

    def _frame(self, chat: Sequence[Message]) -> int:
        """Tokens that the template puts around messages of such roles."""
        roles = tuple(message["role"] for message in chat)
        if roles not in self._frames:
            empty = [Message(role=role, content="") for role in roles]
            self._frames[roles] = self._count(empty)
        return self._frames[roles]
