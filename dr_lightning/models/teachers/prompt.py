"""Prompts: a pair as one text, of which only the passage is ever cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from dr_lightning.models.teachers.pair_tokens import (
    Ids,
    PairLayout,
    PairTokens,
    longest_query,
    token_cache,
    tokenize,
)
from dr_lightning.models.teachers.running import SHORTEST

SLACK = 2  # tokens: a query and the words around it may share fewer tokens than apart


@dataclass(frozen=True)
class Prompt:
    """How a pair becomes one text, and which tokens answer it.

    Args:
        template: Text with the fields `{query}` and `{passage}`, each once and in this
            order. What follows the passage is tokenised apart, as model cards do, and
            never cut.
        relevant: The vocabulary's entry that means relevant.
        other: The entry that means not relevant; its logit is subtracted. Null =
            the logit of `relevant` alone is the score.

    Raises:
        ValueError: If the template lacks a field.
    """

    template: str
    relevant: str
    other: str | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        query, passage = (self.template.find(f) for f in ("{query}", "{passage}"))
        once = all(self.template.count(f) == 1 for f in ("{query}", "{passage}"))
        if not (once and 0 <= query < passage):
            msg = (
                "a prompt's template must contain {query} and then {passage}, each "
                f"once, but got {self.template!r}."
            )
            raise ValueError(msg)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The answers, the relevant one first."""
        if self.other is None:
            return (self.relevant,)
        return (self.relevant, self.other)

    def head(self, query: str) -> str:
        """All up to the passage, without the space before it.

        Example:
            >>> Prompt("Query: {query} Document: {passage}", "yes").head("why?")
            'Query: why? Document:'
        """
        return self.template.split("{passage}")[0].rstrip(" ").replace("{query}", query)

    def middle(self, passage: str) -> str:
        """The passage with the space before it, which many tokenizers join to a word.

        Example:
            >>> Prompt("Query: {query} Document: {passage}", "yes").middle("So.")
            ' So.'
        """
        before = self.template.split("{passage}")[0]
        return before[len(before.rstrip(" ")) :] + passage

    @property
    def tail(self) -> str:
        """All behind the passage."""
        return self.template.split("{passage}")[1]


class PromptTokens:
    """Makes token ids of prompts, in three pieces: head, passage and tail.

    Args:
        prompt: The template.
        tokenizer: A fast Hugging Face tokenizer.
        ends: Whether the tokenizer's closing token (T5's `</s>`) stands at the end. A
            decoder that shall say the next token must not see one.
    """

    def __init__(
        self, prompt: Prompt, tokenizer: PreTrainedTokenizerBase, ends: bool
    ) -> None:
        self.prompt, self.tokenizer = prompt, tokenizer
        self._tokens = token_cache(tokenizer)
        before, closing = _special_tokens(tokenizer)
        tail = tuple(tokenize([prompt.tail], tokenizer)[0].tolist())
        after = tail + (closing if ends else ())
        self.layout = PairLayout(
            before,
            between=(),
            after=after,
            types=(0,) * (len(before) + 2 + len(after)),
            pad=tokenizer.pad_token_id or 0,  # masked or behind the end: any id does
        )
        self._fixed = len(tokenize([prompt.head("")], tokenizer)[0]) + SLACK

    @property
    def least(self) -> int:
        """The smallest `max_tokens` that leaves a query some tokens."""
        return next(n for n in count(SHORTEST) if self._query_room(n) >= SHORTEST // 2)

    def pairs(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
        max_tokens: int,
    ) -> PairTokens:
        """Token ids of pairs.

        Args:
            queries: Texts.
            passages: Texts.
            pairs: Rows of both, `(pairs, 2)`.
            max_tokens: Tokens of a pair, all of the prompt counted.
        """
        heads, cut = self._heads(queries, self._query_room(max_tokens))
        middles = [self.prompt.middle(passage) for passage in passages]
        tokens = PairTokens(
            self.layout, heads, self._tokens(middles), pairs, max_tokens
        )
        tokens.cut_queries += cut
        return tokens

    def _query_room(self, max_tokens: int) -> int:
        return longest_query(max_tokens, self.layout.overhead) - self._fixed

    def _heads(self, queries: Sequence[str], room: int) -> tuple[list[Ids], int]:
        """Heads with their queries cut to `room` tokens, and how many had to be."""
        alone = self._tokens(queries)
        long = {row for row, ids in enumerate(alone) if len(ids) > room}
        kept = [
            self._cut(query, room) if row in long else query
            for row, query in enumerate(queries)
        ]
        heads = [self.prompt.head(query) for query in kept]
        return self._tokens(heads), len(long)

    def _cut(self, query: str, tokens: int) -> str:
        backend = self.tokenizer.backend_tokenizer
        offsets = backend.encode(query, add_special_tokens=False).offsets
        return query[: offsets[tokens - 1][1]]


def _special_tokens(
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What a tokenizer puts before and behind a text."""
    tokenize([], tokenizer)  # switches its own cutting and padding off
    encoding = tokenizer.backend_tokenizer.encode("a")
    own = [row for row, owner in enumerate(encoding.sequence_ids) if owner == 0]
    return tuple(encoding.ids[: own[0]]), tuple(encoding.ids[own[-1] + 1 :])
