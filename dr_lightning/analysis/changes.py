"""Which queries gained and lost, with what was found before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.collection_files import CollectionFiles
from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.scores import Scores

SHOWN = 5
"""Queries that gained most, and as many that lost most."""
PASSAGES = 3
"""Passages of each, before and after."""


@dataclass(frozen=True)
class Passage:
    """A found passage.

    Args:
        passage_id: Its id.
        text: Title and text; empty where the corpus is gone.
        relevance: As judged; null = not judged.
    """

    passage_id: str
    text: str
    relevance: int | None


@dataclass(frozen=True)
class Change:
    """A query under two systems.

    Args:
        query_id: Its id.
        text: The query; empty where the file is gone.
        before: The base's value.
        after: The new system's, a mean where it has several seeds.
        found_before: First passages of the base.
        found_after: First passages of the new system's first seed.
    """

    query_id: str
    text: str
    before: float
    after: float
    found_before: tuple[Passage, ...]
    found_after: tuple[Passage, ...]


def per_query(scores: Scores, name: str, collection: str) -> pl.DataFrame:
    """A system beside its base: query_id, before, after, change, most gained first.

    Args:
        scores: What `scores` gave.
        name: The system.
        collection: A collection.

    Raises:
        ValueError: If the system has no base there, or several.
    """
    before, after = (
        scores.of(who, collection).select("query_id", value=scores.measure)
        for who in (_base(scores, name, collection), name)
    )
    return (
        before.join(after, on="query_id", suffix="_after")
        .select(
            "query_id",
            before="value",
            after="value_after",
            change=(pl.col("value_after") - pl.col("value")).round(9),
        )
        .drop_nulls()
        .sort("change", "query_id", descending=[True, False])
    )


def _base(scores: Scores, name: str, collection: str) -> str:
    found = scores.base(name, collection)
    if found is None:
        msg = (
            f"{name} has no base on {collection}, or several. Choose a system and a "
            f"collection of {', '.join(f'{n} on {c}' for n, c in scores.bases)}."
        )
        raise ValueError(msg)
    return found


def most_changed(
    scores: Scores,
    judged: Sequence[Judged],
    files: CollectionFiles,
    name: str,
    collection: str,
) -> tuple[list[Change], list[Change]]:
    """The queries that gained most, and those that lost most.

    Args:
        scores: What `scores` gave.
        judged: Rankings.
        files: Of the collection.
        name: The system.
        collection: The collection.
    """
    table = per_query(scores, name, collection)
    gained = table.filter(pl.col("change") > 0).head(SHOWN)
    lost = table.filter(pl.col("change") < 0).reverse().head(SHOWN)
    ids = pl.concat([gained, lost])["query_id"].to_list()
    before, after = (
        _found(judged, files, who, collection, ids)
        for who in (_base(scores, name, collection), name)
    )
    wanted = pl.col("query_id").is_in(ids)
    texts = dict(
        files.queries.filter(wanted).select("query_id", "text").collect().iter_rows()
    )

    def change(row: dict[str, float | str]) -> Change:
        query = str(row["query_id"])
        return Change(
            query_id=query,
            text=texts.get(query, ""),
            before=float(row["before"]),
            after=float(row["after"]),
            found_before=before.get(query, ()),
            found_after=after.get(query, ()),
        )

    return (
        [change(row) for row in gained.iter_rows(named=True)],
        [change(row) for row in lost.iter_rows(named=True)],
    )


def _found(
    judged: Sequence[Judged],
    files: CollectionFiles,
    name: str,
    collection: str,
    queries: Sequence[str],
) -> dict[str, tuple[Passage, ...]]:
    """The first passages of some queries, in a system's first ranking."""
    own = [one for one in judged if (one.name, one.collection) == (name, collection)]
    wanted = pl.col("query_id").is_in(list(queries))
    lists = (
        own[0]
        .ranking.filter(wanted)
        .select("query_id", pl.col("passage_id").list.head(PASSAGES))
        .collect()
    )
    passages = lists["passage_id"].explode().drop_nulls().to_list()
    texts = files.passages(passages)
    qrels = files.qrels.filter(wanted).collect()
    relevance = {(query, passage): grade for query, passage, grade in qrels.iter_rows()}
    return {
        query: tuple(
            Passage(passage, texts.get(passage, ""), relevance.get((query, passage)))
            for passage in ids
        )
        for query, ids in lists.iter_rows()
    }
