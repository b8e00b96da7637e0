"""What is searched, and for which queries: read once, for every retriever alike."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.data.collections import scan_corpus
from dr_lightning.inputs import named, read_queries
from dr_lightning.texts import PASSAGE_TEMPLATE, passage_text


@dataclass(frozen=True)
class Material:
    """The queries, and the passages that may be their candidates.

    Args:
        corpus: The corpus artefact.
        queries: Files of queries, at least one.
        dropped: What `deduplicate` dropped; null = nothing.
        template: Joins title and text.
        cache: Folder of token stores; null = the user's cache folder.
    """

    corpus: Path
    queries: list[Path]
    dropped: Path | None = None
    template: str = PASSAGE_TEMPLATE
    cache: Path | None = None

    @cached_property
    def asked(self) -> pl.DataFrame:
        """The queries of all files."""
        return read_queries(self.queries)

    @cached_property
    def passage_id(self) -> pl.Series:
        """Ids of the candidates, in corpus order.

        Raises:
            ValueError: If there is none.
        """
        passages = scan_corpus(self.corpus, self.left_out)
        ids = passages.select("passage_id").collect().to_series()
        if ids.is_empty():
            msg = f"{self.corpus}: no passage is left to search. Give another corpus"
            raise ValueError(f"{msg}, or leave out --dropped.")
        return ids

    @property
    def texts(self) -> pl.LazyFrame:
        """One column: the candidates as a retriever reads them, in corpus order."""
        passages = scan_corpus(self.corpus, self.left_out)
        return passages.select(passage_text(self.template))

    @property
    def left_out(self) -> pl.LazyFrame | None:
        """The passages that are no candidates; null = none."""
        if self.dropped is None:
            return None
        # A sample limits what queries are written for, not what they may find.
        return artefacts.scan(self.dropped, schemas.DROPPED).filter(
            pl.col("reason") != schemas.NOT_SAMPLED
        )

    @property
    def inputs(self) -> dict[str, Path]:
        """Name and path of what is read, for manifests and keys."""
        read = {"corpus": self.corpus} | named("queries", self.queries)
        return read | ({} if self.dropped is None else {"dropped": self.dropped})
