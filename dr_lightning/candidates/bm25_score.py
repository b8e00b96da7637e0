"""BM25 as a teacher: what a student can learn from words alone."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning.candidates.bm25 import BM25
from dr_lightning.data.collections import scan_corpus
from dr_lightning.models.teachers import Teacher
from dr_lightning.texts import passage_text


class BM25Score(Teacher):
    """Scores a pair by BM25; 0 where query and passage share no word that counts.

    How much a word weighs is counted over the whole corpus that `score` reads.

    Args:
        bm25: Settings of BM25.
    """

    def __init__(self, bm25: BM25 | None = None) -> None:
        self.bm25 = bm25 or BM25()
        told = self.bm25.told
        self.settings = {"model": "bm25"} | {key: str(told[key]) for key in told}
        self.fingerprint = hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def read_corpus(self, corpus: Path, template: str) -> None:
        """Counts the words of a corpus; see `ReadsCorpus`.

        Raises:
            ValueError: If no passage has a word.
        """
        texts = scan_corpus(corpus).select(passage_text(template)).collect()
        self.index = self.bm25.index(texts.lazy())
        self.row = {text: row for row, text in enumerate(texts.to_series())}

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs of the corpus that was read; see `Teacher.score`."""
        rows = np.array([self.row[text] for text in passages], dtype=np.int64)
        asked = self.index.known(pl.Series(queries, dtype=pl.String))
        scores = np.zeros(len(pairs), dtype=np.float32)
        for query, numbers in enumerate(asked):
            mine = np.flatnonzero(pairs[:, 0] == query)
            if numbers and len(mine):
                scores[mine] = self.index.scores(numbers)[rows[pairs[mine, 1]]]
        return scores
