"""The (query, passage) pairs that a teacher shall score, with their texts."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.texts import passage_text


@dataclass(frozen=True)
class CandidateLists:
    """Candidates with their texts.

    Args:
        lists: query_id, text, source_passage_id, passage_id (a list, best candidate
            first); queries of the same text stand together, so that they share a part.
        passages: passage_id, passage (the text as a model reads it); each passage of
            `lists` once.
        dropped: How many queries and pairs were left out, by reason.
    """

    lists: pl.DataFrame
    passages: pl.DataFrame
    dropped: dict[str, int]

    @property
    def pairs(self) -> int:
        """Pairs in all lists."""
        return count_pairs(self.lists)

    @property
    def lost_sources(self) -> int:
        """Queries whose source passage is not among their candidates."""
        source = pl.col("source_passage_id")
        listed = source.is_in(pl.col("passage_id"))
        return len(self.lists.filter(source.is_not_null() & ~listed))


def candidate_lists(
    run: pl.DataFrame,
    queries: pl.DataFrame,
    corpus: Path,
    template: str,
    relevant: pl.DataFrame | None = None,
) -> CandidateLists:
    """Joins candidates with the texts of queries and passages.

    Only the passages that are candidates are read into memory. Candidates that the
    corpus does not have, queries without a text and queries without candidates are
    left out and counted.

    Args:
        run: query_id, passage_id (a list).
        queries: query_id, text, source_passage_id.
        corpus: Corpus to read passages from.
        template: Joins title and text.
        relevant: query_id, relevant (a list): passages put behind the candidates where
            they are not among them.

    Raises:
        ValueError: If nothing is left to score.
    """
    asked = queries.select("query_id", "text", "source_passage_id")
    asked = asked.filter(pl.col("text").str.strip_chars() != "")
    lists = run.select("query_id", "passage_id")
    lists = lists.join(asked, on="query_id", how="inner", maintain_order="left")
    if relevant is not None:
        lists = _with_relevant(lists, relevant)
    wanted = lists.lazy().select(pl.col("passage_id").explode().unique())
    passages = (
        artefacts.scan(corpus, schemas.CORPUS)
        .join(wanted, on="passage_id", how="semi")
        .select("passage_id", passage_text(template))
        .collect()
    )
    known = pl.element().is_in(passages["passage_id"].implode())
    found = lists.with_columns(
        pl.col("passage_id").list.eval(pl.element().filter(known))
    )
    kept = found.filter(pl.col("passage_id").list.len() > 0)
    dropped = {
        "query without text": len(run) - len(lists),
        "query without candidates": len(found) - len(kept),
        "passage not in corpus": count_pairs(lists) - count_pairs(found),
    }
    return CandidateLists(_same_texts_together(kept), passages, dropped)


def _same_texts_together(lists: pl.DataFrame) -> pl.DataFrame:
    """Moves each query behind the first one of its text."""
    return (
        lists.with_row_index("row")
        .sort(pl.col("row").min().over("text"), "row")
        .select("query_id", "text", "source_passage_id", "passage_id")
    )


def count_pairs(lists: pl.DataFrame) -> int:
    """Pairs in all lists.

    Args:
        lists: passage_id (a list) among its columns.
    """
    return int(lists["passage_id"].list.len().sum())


def relevant_ids(qrels: pl.DataFrame) -> pl.DataFrame:
    """The relevant passages of each query: query_id, relevant (a list, sorted).

    Args:
        qrels: query_id, passage_id, relevance.

    Example:
        >>> qrels = {"query_id": ["q"] * 3, "passage_id": ["b", "a", "c"]}
        >>> frame = pl.DataFrame(qrels | {"relevance": [1, 2, 0]})
        >>> relevant_ids(frame).row(0)
        ('q', ['a', 'b'])
    """
    positive = qrels.filter(pl.col("relevance") > 0)
    return positive.group_by("query_id").agg(
        pl.col("passage_id").unique().sort().alias("relevant")
    )


def _with_relevant(lists: pl.DataFrame, relevant: pl.DataFrame) -> pl.DataFrame:
    joined = lists.join(relevant, on="query_id", how="left", maintain_order="left")
    missing = pl.col("relevant").list.set_difference(pl.col("passage_id")).list.sort()
    both = pl.col("passage_id").list.concat(missing)
    passage_id = (
        pl.when(pl.col("relevant").is_null()).then("passage_id").otherwise(both)
    )
    return joined.with_columns(passage_id.alias("passage_id")).drop("relevant")
