"""Chats that fit a model: its context, and the roles that its template knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from dr_lightning.generation.engine import Message, Request

QUERY_TYPES = ("question", "claim", "title", "keywords", "search", "msmarco")
"""The six of arXiv 2502.19712: what a chat model writes unless told otherwise."""

Count = Callable[[Sequence[Message]], int]
"""Tokens of a chat, those of its template and generation prompt among them."""


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


def count_tokens(tokenizer: Any, options: Mapping[str, object]) -> Count:
    """Makes the function that counts a chat's tokens.

    Args:
        tokenizer: A tokenizer with a chat template.
        options: Variables of the template.
    """

    def count(messages: Sequence[Message]) -> int:
        ids = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_dict=False, **options
        )
        return len(ids)

    return count


def longest_beginning(text: str, fits: Callable[[str], bool]) -> str | None:
    """The longest beginning of a text that fits, found by bisection.

    Args:
        text: Any text.
        fits: Says no for whatever is longer than a text for which it says no.

    Returns:
        Null where not even the empty text fits.

    Example:
        >>> longest_beginning("bread rises", lambda text: len(text) <= 5)
        'bread'
    """
    if fits(text):
        return text
    if not fits(""):
        return None
    least, most = 0, len(text)  # `least` characters fit, `most` do not
    while most - least > 1:
        middle = (least + most) // 2
        if fits(text[:middle]):
            least = middle
        else:
            most = middle
    return text[:least]


class ChatRoom:
    """Makes chats of requests, each passage cut so that the chat fits.

    Args:
        count: Counts the tokens of a chat.
        tokens: What a chat may have.
        fold: Whether the template knows no system role.
    """

    def __init__(self, count: Count, tokens: int, fold: bool) -> None:
        self._count, self._tokens, self._fold = count, tokens, fold
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

    def _fits(self, chat: Sequence[Message]) -> bool:
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
