"""Which passages are known to answer a query, and which stand for one another."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from dr_lightning import artefacts, schemas

_GROUPS = {"passage_id": pl.String(), "group": pl.String()}


class Positives(NamedTuple):
    """What is no negative.

    Attributes:
        known: query_id, passage_id, is_source; each pair once.
        groups: passage_id, group: the passage that stands for a duplicate.
    """

    known: pl.DataFrame
    groups: pl.DataFrame


def find_positives(
    queries: pl.DataFrame, qrels: pl.DataFrame | None, dropped: Path | None
) -> Positives:
    """Known positives of queries, and the duplicates among all passages.

    Args:
        queries: Schema of queries.
        qrels: Schema of qrels.
        dropped: What `deduplicate` dropped.

    Raises:
        ValueError: If human queries come without qrels.
    """
    groups = pl.DataFrame(schema=_GROUPS)
    if dropped is not None:
        frame = artefacts.read(dropped, schemas.DROPPED)
        groups = frame.drop_nulls("representative_id").select(
            "passage_id", group="representative_id"
        )
    return Positives(known_positives(queries, qrels), groups)


def known_positives(queries: pl.DataFrame, qrels: pl.DataFrame | None) -> pl.DataFrame:
    """Source passages and relevant passages of queries.

    Args:
        queries: Schema of queries.
        qrels: Schema of qrels; a relevance above 0 is relevant.

    Returns:
        query_id, passage_id and is_source, each pair once.

    Raises:
        ValueError: If human queries come without qrels.

    Example:
        >>> queries = pl.DataFrame({"query_id": ["q"], "source_passage_id": ["a"]})
        >>> judged = ["q", "q", "q"], ["a", "b", "c"], [1, 2, 0]
        >>> qrels = pl.DataFrame(judged, ["query_id", "passage_id", "relevance"])
        >>> known_positives(queries, qrels).rows()
        [('q', 'a', True), ('q', 'b', False)]
    """
    sources = queries.drop_nulls("source_passage_id").select(
        "query_id", passage_id="source_passage_id", is_source=pl.lit(True)
    )
    human = queries.filter(pl.col("source_passage_id").is_null())
    if qrels is None:
        if len(human):
            msg = (
                f"negatives: {len(human):,} queries, such as {human['query_id'][0]!r}, "
                "have no source passage, so what is no negative for them must come "
                "from qrels, but there are none. Give their qrels."
            )
            raise ValueError(msg)
        return sources
    relevant = qrels.filter(pl.col("relevance") > 0).select(
        "query_id", "passage_id", is_source=pl.lit(False)
    )
    return (
        pl.concat([sources, relevant])
        .unique(["query_id", "passage_id"], keep="first", maintain_order=True)
        .join(queries, on="query_id", how="semi", maintain_order="left")
    )
