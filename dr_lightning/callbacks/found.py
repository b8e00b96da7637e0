"""What an evaluation found on a collection, for the files and pages that tell it."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dr_lightning.data.collections import LoadedCollection
from dr_lightning.search import TopK


class Found(NamedTuple):
    """The best passages of each query, the same on every rank, and their measures."""

    #: Its queries are the rows of `top`.
    collection: LoadedCollection
    #: Rows of the corpus that were searched; None = all.
    searched: NDArray[np.int64] | None
    top: TopK
    #: query_id and a column a measure, of the judged queries.
    per_query: pl.DataFrame

    def first_measure(self) -> dict[str, float]:
        """The first measure of each judged query, by id."""
        return dict(zip(self.per_query["query_id"], self.per_query[:, 1], strict=True))
