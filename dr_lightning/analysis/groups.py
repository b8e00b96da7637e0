"""Where a system gains: by the type of the query, and by its length."""

from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.changes import per_query
from dr_lightning.analysis.collection_files import CollectionFiles
from dr_lightning.analysis.scores import Scores
from dr_lightning.analysis.significance import Difference, describe

BINS = 4


@dataclass(frozen=True)
class Group:
    """Queries of one kind under a system and its base.

    Args:
        label: What they share.
        queries: How many.
        before: Mean of the base.
        after: Mean of the system.
        difference: With its interval; null for a single query.
    """

    label: str
    queries: int
    before: float
    after: float
    difference: Difference | None


def by_type(files: CollectionFiles, judged: pl.Series) -> pl.DataFrame:
    """The type of each query: query_id, group.

    Args:
        files: Of the collection.
        judged: Ids of the judged queries.
    """
    group = pl.col("query_type").fill_null("without a type")
    return _queries(files, judged).select("query_id", group=group)


def by_length(files: CollectionFiles, judged: pl.Series) -> pl.DataFrame:
    """Quartiles of the queries' words, shortest first: query_id, group.

    Queries of equal length share a bin, so bins may be fewer, and of unequal size.

    Args:
        files: Of the collection.
        judged: Ids of the judged queries.
    """
    words = pl.col("text").str.extract_all(r"\S+").list.len()
    table = _queries(files, judged).select("query_id", words=words)
    place = (pl.col("words").rank("min") - 1) / pl.len()
    table = table.with_columns(bin=(place * BINS).floor())
    low, high = (pl.col("words").min().over("bin"), pl.col("words").max().over("bin"))
    label = (
        pl.when(low == high)
        .then(
            pl.format(
                "{} word{}",
                low,
                pl.when(low == 1).then(pl.lit("")).otherwise(pl.lit("s")),
            )
        )
        .otherwise(pl.format("{} to {} words", low, high))
    )
    return table.with_columns(group=label).sort("words").select("query_id", "group")


def _queries(files: CollectionFiles, judged: pl.Series) -> pl.DataFrame:
    return files.queries.filter(pl.col("query_id").is_in(judged.implode())).collect()


def grouped(
    scores: Scores, name: str, collection: str, groups: pl.DataFrame
) -> list[Group]:
    """A system and its base on each group of a collection's queries.

    Args:
        scores: What `scores` gave.
        name: The system.
        collection: The collection.
        groups: query_id, group; the groups' order is kept.
    """
    table = per_query(scores, name, collection).join(
        groups, on="query_id", maintain_order="right"
    )
    found = []
    for (label,), members in table.group_by("group", maintain_order=True):
        before, after = members.select(pl.col("before", "after").mean()).row(0)
        differences = members["change"].to_numpy()
        found.append(
            Group(
                label=str(label),
                queries=len(members),
                before=before,
                after=after,
                difference=describe([differences]) if len(members) > 1 else None,
            )
        )
    return found
