"""BM25: the best passages by the words that they share with a query."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, track

from dr_lightning.candidates.material import Material
from dr_lightning.candidates.words import (
    Vocabulary,
    find_stemmer,
    find_stopwords,
    words,
)
from dr_lightning.retrieval import run_frame
from dr_lightning.search import TopK

logger = logging.getLogger(__name__)

_BATCH = 4096


@dataclass(frozen=True)
class BM25:
    """Lucene's BM25, computed by bm25s; see arXiv 2407.03618.

    A query's score for a passage is the sum, over the query's words, of

        ln(1 + (N - n + 0.5) / (n + 0.5)) * t / (t + k1 * (1 - b + b * length / mean))

    with N passages, n of them with the word, and t times the word in the passage.

    Args:
        k1: How slowly a repeated word saturates. 1.5, as in bm25s; BEIR has 0.9.
        b: How much long passages pay, in [0, 1]. 0.75, as in bm25s; BEIR has 0.4.
        stemmer: Snowball's name of the language whose endings are cut, such as
            english; null = none. It needs PyStemmer, and does nothing without, which
            is told.
        stopwords: Words that do not count: a language, a list, or null for none.

    Raises:
        ValueError: If k1 is negative, b outside [0, 1], or a language unknown.
    """

    k1: float = 1.5
    b: float = 0.75
    stemmer: str | None = "english"
    stopwords: str | list[str] | None = "english"

    def __post_init__(self) -> None:
        """Checks the settings."""
        if self.k1 < 0 or not 0 <= self.b <= 1:
            msg = (
                f"bm25 needs k1 of at least 0 and b from 0 to 1, but got k1 {self.k1} "
                f"and b {self.b}."
            )
            raise ValueError(msg)
        find_stopwords(self.stopwords)
        find_stemmer(self.stemmer)

    @property
    def told(self) -> dict[str, Any]:
        """What a manifest tells; no stemmer where PyStemmer is missing."""
        missing = find_stemmer(self.stemmer) is None
        return asdict(self) | ({"stemmer": None} if missing else {})

    def run(self, material: Material, depth: int) -> pl.DataFrame:
        """The run of all queries; those without a word that counts have no list.

        Args:
            material: Queries and passages.
            depth: Passages a query.
        """
        asked = material.asked
        top = self.search(material.texts, asked["text"], depth)
        return run_frame(asked["query_id"], material.passage_id, top)

    def search(self, passages: pl.LazyFrame, queries: pl.Series, depth: int) -> TopK:
        """The best passages of each query.

        Only passages that share a word with the query are found, so a list may be
        short or empty. Of equal scores the lower row wins, also at the cut.

        Args:
            passages: One column of texts.
            queries: Texts.
            depth: Passages a query.

        Raises:
            ValueError: If no passage has a word.
        """
        return _search(self.index(passages), queries, depth)

    def index(self, passages: pl.LazyFrame) -> "WordIndex":
        """Passages whose words are counted.

        Args:
            passages: One column of texts.

        Raises:
            ValueError: If no passage has a word.
        """
        # Imported here: dense retrieval then does without.
        import bm25s

        stem = find_stemmer(self.stemmer)
        if self.stemmer is not None and stem is None:
            logger.warning(
                "bm25: words are not stemmed, for PyStemmer is not installed. Install "
                "it (pip install PyStemmer), or set bm25.stemmer: null."
            )
        vocabulary = Vocabulary(find_stopwords(self.stopwords), stem)
        numbers: list[list[int]] = []
        for batch in _word_batches(passages):
            numbers.extend(map(vocabulary.add, batch.to_list()))
        if not len(vocabulary):
            msg = (
                f"bm25: none of {len(numbers):,} passages has a word that counts. Look "
                "at the corpus, or set bm25.stopwords: null."
            )
            raise ValueError(msg)
        index = bm25s.BM25(k1=self.k1, b=self.b, method="lucene", backend="numpy")
        index.index(
            (numbers, {number: number for number in range(len(vocabulary))}),
            create_empty_token=False,
            show_progress=sys.stderr.isatty(),
        )
        return WordIndex(vocabulary, index)


@dataclass(frozen=True)
class WordIndex:
    """Passages whose words are counted.

    Args:
        vocabulary: Their words.
        weights: What bm25s made of them.
    """

    vocabulary: Vocabulary
    weights: Any

    def known(self, queries: pl.Series) -> list[list[int]]:
        """Numbers of each query's words, without those that no passage has."""
        texts = queries.to_frame("text").select(words(pl.col("text"))).to_series()
        return [self.vocabulary.known(text) for text in texts.to_list()]

    def scores(self, numbers: list[int]) -> NDArray[np.float32]:
        """BM25 of every passage for the words of one query, at least one."""
        of_passages: NDArray[np.float32] = self.weights.get_scores_from_ids(numbers)
        return of_passages


def _word_batches(passages: pl.LazyFrame) -> Iterator[pl.Series]:
    """The words of each passage, some thousand passages at a time."""
    total = passages.select(pl.len()).collect().item()
    (name,) = passages.collect_schema().names()
    batches = passages.select(words(pl.col(name))).collect_batches(
        chunk_size=_BATCH, maintain_order=True, engine="streaming"
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("read words", total=total)
        for batch in batches:
            yield batch.to_series()
            progress.advance(task, len(batch))


def _search(index: WordIndex, queries: pl.Series, depth: int) -> TopK:
    scores = np.full((len(queries), depth), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), depth), -1)
    numbered = track(
        enumerate(index.known(queries)),
        "search by words",
        len(queries),
        console=Console(stderr=True),
        transient=True,
    )
    for query, numbers in numbered:
        if numbers:
            of_passages = index.scores(numbers)
            best = top_rows(of_passages, depth)
            rows[query, : len(best)] = best
            scores[query, : len(best)] = of_passages[best]
    return TopK(torch.from_numpy(scores), torch.from_numpy(rows))


def top_rows(scores: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
    """The rows of the highest scores above 0, of equal scores the first.

    Args:
        scores: One score a row.
        depth: How many at most.

    Example:
        >>> top_rows(np.array([0.5, 0.0, 0.7, 0.5], dtype=np.float32), 2)
        array([2, 0])
    """
    found = np.flatnonzero(scores > 0)
    if len(found) > depth:
        cut = np.partition(scores[found], -depth)[-depth]
        found = found[scores[found] >= cut]
    # Rows ascend, and a stable sort leaves equal scores in that order.
    order = np.argsort(-scores[found], kind="stable")
    return found[order[:depth]]
