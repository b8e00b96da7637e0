"""Token ids of (query, passage) pairs, put together from texts tokenised once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from dr_lightning.models.teachers.text_cache import TextCache

Ids = NDArray[np.int64]

_PROBES = (("sort a list", "lists have a method"), ("x?", "Über café (2 + 3)"))


def tokenize(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Ids]:
    """Token ids of each text, without special tokens and not cut.

    Args:
        texts: Any number of texts.
        tokenizer: A fast Hugging Face tokenizer.

    Raises:
        ValueError: If the tokenizer is slow.
    """
    if not tokenizer.is_fast:
        name = type(tokenizer).__name__
        msg = f"{name} has no fast version; give a folder with a tokenizer.json."
        raise ValueError(msg)
    backend = tokenizer.backend_tokenizer
    # A saved tokenizer may cut or pad by itself; lengths are decided on pairs.
    backend.no_truncation()
    backend.no_padding()
    encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]


def token_cache(tokenizer: PreTrainedTokenizerBase) -> TextCache[Ids]:
    """`tokenize`, remembered.

    A passage of 330 tokens takes some 0.4 ms of a core, which a GPU with a small
    teacher would wait for at each query again.

    Args:
        tokenizer: A fast Hugging Face tokenizer.
    """
    return TextCache(partial(tokenize, tokenizer=tokenizer))


@dataclass(frozen=True)
class PairLayout:
    """How a tokenizer frames a pair: `before` query `between` passage `after`.

    BERT: `[CLS]` query `[SEP]` passage `[SEP]` with the token types 0, 0, 0, 1, 1.

    Args:
        before: Special tokens ahead of the query.
        between: Special tokens between query and passage.
        after: Special tokens at the end.
        types: Token types, one for each special token, the query and the passage, in
            the order of the pair.
        pad: The id that fills a row up.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, ...]
    pad: int

    @property
    def overhead(self) -> int:
        """Special tokens of a pair."""
        return len(self.before) + len(self.between) + len(self.after)

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "PairLayout":
        """Reads the layout off one pair and checks it on others.

        Args:
            tokenizer: A Hugging Face tokenizer.

        Raises:
            ValueError: If the tokenizer is slow or frames pairs in another way.
        """
        layout = cls._read(tokenizer)
        for query, passage in _PROBES:
            parts = tokenize([query, passage], tokenizer)
            whole = tokenizer(query, passage)["input_ids"]
            if layout.join(parts[0], parts[1]).tolist() != whole:
                name = type(tokenizer).__name__
                msg = (
                    f"{name} does not frame pairs as special tokens around the "
                    "tokens of query and passage. Wrap this model in a teacher class "
                    "of your own (see `Teacher`)."
                )
                raise ValueError(msg)
        return layout

    @classmethod
    def _read(cls, tokenizer: PreTrainedTokenizerBase) -> "PairLayout":
        tokenize([], tokenizer)
        encoding = tokenizer.backend_tokenizer.encode(*_PROBES[0])
        owner = encoding.sequence_ids
        query, passage = owner.index(0), owner.index(1)
        query_end, passage_end = query + owner.count(0), passage + owner.count(1)
        kept = [*range(query + 1), *range(query_end, passage + 1)]
        kept += range(passage_end, len(owner))
        return cls(
            before=tuple(encoding.ids[:query]),
            between=tuple(encoding.ids[query_end:passage]),
            after=tuple(encoding.ids[passage_end:]),
            types=tuple(encoding.type_ids[place] for place in kept),
            pad=tokenizer.pad_token_id or 0,  # masked, so any id does
        )

    def join(self, query: Ids, passage: Ids) -> Ids:
        """The ids of a pair, `(tokens,)`."""
        parts = (self.before, query, self.between, passage, self.after)
        return np.concatenate(parts).astype(np.int64)

    def token_types(self, query: int, passage: int) -> Ids:
        """The token types of a pair with that many tokens in query and passage."""
        special = (len(self.before), len(self.between), len(self.after))
        ones = [[1] * count for count in special]
        repeats = [*ones[0], query, *ones[1], passage, *ones[2]]
        return np.repeat(np.array(self.types, dtype=np.int64), repeats)


def longest_query(max_tokens: int, overhead: int) -> int:
    """Tokens of a query that are kept: a quarter of a pair is the passage's at least.

    Args:
        max_tokens: Tokens of a pair.
        overhead: Special tokens among them.

    Example:
        >>> longest_query(512, 3)
        384
    """
    return max_tokens - max(max_tokens // 4, overhead + 1)


class PairTokens:
    """Pairs of tokenised texts that fit a length, padded when a batch is asked for.

    Only the passage is cut. The one exception is a query so long that less than a
    quarter of `max_tokens` would be left for special tokens and passage: it is cut to
    the other three quarters, so that the passage is always seen.

    Args:
        layout: Special tokens of a pair.
        queries: Token ids of the queries.
        passages: Token ids of the passages.
        pairs: Rows of `queries` and `passages`, `(pairs, 2)`.
        max_tokens: Tokens of a pair, special tokens counted.
    """

    def __init__(
        self,
        layout: PairLayout,
        queries: Sequence[Ids],
        passages: Sequence[Ids],
        pairs: NDArray[np.int64],
        max_tokens: int,
    ) -> None:
        self.layout, self.queries, self.passages = layout, queries, passages
        self.pairs = pairs
        query = np.array([len(ids) for ids in queries], dtype=np.int64)
        passage = np.array([len(ids) for ids in passages], dtype=np.int64)
        longest = longest_query(max_tokens, layout.overhead)
        self.cut_queries = int((query > longest).sum())
        self.query_lengths = np.minimum(query, longest)[pairs[:, 0]]
        room = max_tokens - layout.overhead - self.query_lengths
        self.passage_lengths = np.minimum(passage[pairs[:, 1]], room)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each pair, special tokens counted, `(pairs,)`."""
        own: NDArray[np.int64] = self.query_lengths + self.passage_lengths
        return own + self.layout.overhead

    def batch(
        self, rows: NDArray[np.int64]
    ) -> tuple[
        Int[Tensor, "pair token"], Bool[Tensor, "pair token"], Int[Tensor, "pair token"]
    ]:
        """Token ids, what is not padding, and token types of some pairs.

        Args:
            rows: Which pairs, in the order of the result.
        """
        lengths = self.lengths[rows]
        shape = (len(rows), int(lengths.max()))
        ids = np.full(shape, self.layout.pad, dtype=np.int64)
        types = np.zeros(shape, dtype=np.int64)
        for line, row in enumerate(rows):
            query = self.queries[self.pairs[row, 0]][: self.query_lengths[row]]
            passage = self.passages[self.pairs[row, 1]][: self.passage_lengths[row]]
            ids[line, : lengths[line]] = self.layout.join(query, passage)
            kinds = self.layout.token_types(len(query), len(passage))
            types[line, : lengths[line]] = kinds
        mask = np.arange(shape[1])[None, :] < lengths[:, None]
        return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(types)
