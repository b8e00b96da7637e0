"""What the `score` stage asks of a teacher; plug in your own by class path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Teacher(Protocol):
    """Judges how relevant a passage is to a query.

    A teacher that passed scores in (0, 1) through a sigmoid would squeeze the best
    passages together, so scores are raw logits: any real number, higher is better.
    A teacher of your own needs no base class, but annotate `score` just as here: the
    command line compares signatures.
    """

    settings: Mapping[str, str | int]
    """Model and settings, for the manifest."""

    fingerprint: str
    """Changes whenever a pair could get another score beyond rounding."""

    def score(
        self,
        queries: Sequence[str],
        passages: Sequence[str],
        pairs: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Scores (query, passage) pairs.

        Texts come apart from the pairs so that each is tokenised once, and all pairs
        come at once so that pairs of like length can share a batch.

        Args:
            queries: Distinct queries.
            passages: Distinct passages.
            pairs: Rows of `queries` and `passages`, `(pairs, 2)`.

        Returns:
            Raw logits in the order of `pairs`, `(pairs,)`.
        """


@runtime_checkable
class ReadsCorpus(Protocol):
    """A teacher whose scores depend on the whole corpus, such as BM25's."""

    def read_corpus(self, corpus: Path, template: str) -> None:
        """Looks at the corpus, once, before any pair is scored.

        Args:
            corpus: The corpus artefact; every passage to score is in it.
            template: Joins title and text of a passage.
        """
