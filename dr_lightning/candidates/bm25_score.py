"""BM25 as a teacher: what a student can learn from words alone."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning import artefacts
from dr_lightning.candidates.bm25 import BM25
from dr_lightning.data.collections import scan_corpus
from dr_lightning.models.teachers import Teacher
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text


class BM25Score(Teacher):
    """Scores a pair by BM25; 0 where query and passage share no word that counts.

    How much a word weighs is counted over a whole corpus, so the teacher reads the one
    that `score` reads, with the same template.

    Args:
        corpus: The corpus artefact.
        bm25: Settings of BM25.
        template: Joins title and text of a passage.

    Raises:
        ValueError: If no passage has a word.
    """

    def __init__(
        self, corpus: Path, bm25: BM25 | None = None, template: str = PASSAGE_TEMPLATE
    ) -> None:
        self.bm25, self.corpus = bm25 or BM25(), corpus
        told = self.bm25.told
        self.settings = {"model": "bm25"} | {key: str(told[key]) for key in told}
        shaping = artefacts.fingerprint(corpus), template, told
        self.fingerprint = hashlib.sha256(repr(shaping).encode()).hexdigest()[:16]
        texts = scan_corpus(corpus).select(passage_text(template)).collect()
        self.index = self.bm25.index(texts.lazy())
        self.row = {text: row for row, text in enumerate(texts.to_series())}

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores pairs; see `Teacher.score`.

        Raises:
            ValueError: If a passage is not in the corpus.
        """
        rows = np.array([self._row(text) for text in passages], dtype=np.int64)
        asked = self.index.known(pl.Series(queries, dtype=pl.String))
        scores = np.zeros(len(pairs), dtype=np.float32)
        for query, numbers in enumerate(asked):
            mine = np.flatnonzero(pairs[:, 0] == query)
            if numbers and len(mine):
                scores[mine] = self.index.scores(numbers)[rows[pairs[mine, 1]]]
        return scores

    def _row(self, text: str) -> int:
        row = self.row.get(text)
        if row is None:
            msg = (
                f"BM25Score: the passage {text[:60]!r} is not in {self.corpus}. Give "
                "the teacher the corpus and the template that `score` has."
            )
            raise ValueError(msg)
        return row
