"""Puts ids, titles and ranks of the base to the rows that an evaluation found."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor

from dr_lightning import artefacts, schemas
from dr_lightning.callbacks.example_page import Example, Hit
from dr_lightning.callbacks.found import Found


class Base(NamedTuple):
    """What the base model found: rows of the corpus, and each query's first measure."""

    rows: Tensor
    values: dict[str, float]

    @classmethod
    def of(cls, found: Found) -> Self:
        """Keeps it in little memory.

        Args:
            found: By the base model.
        """
        return cls(found.top.rows.to("cpu", torch.int32), found.first_measure())


class _Ranking(NamedTuple):
    """A query's rows of the corpus in order, now and by the base, and the relevant."""

    now: list[int]
    base: list[int]
    relevant: list[int]

    def elsewhere(self, depth: int) -> tuple[list[int], list[int]]:
        """Relevant rows beyond the first, best first, and the base's first of old."""
        first = self.now[:depth]
        below = [row for row in self.now if row in self.relevant and row not in first]
        lost = [row for row in self.relevant if row not in self.now]
        gone = [row for row in self.base[:depth] if row not in first]
        return (below + lost)[:depth], gone


def examples(
    found: Found, base: Base | None, queries: Sequence[int], depth: int
) -> list[Example]:
    """Some queries with their first passages.

    Args:
        found: By the model as it is now.
        base: By the base model, if it is known.
        queries: Rows of the collection's queries.
        depth: Passages of each; at most as many elsewhere.
    """
    rankings = {query: _ranking(found, base, query) for query in queries}
    needed: set[int] = set()
    for ranking in rankings.values():
        needed.update(ranking.now[:depth], *ranking.elsewhere(depth))
    passages, texts = _passages(found, sorted(needed)), _queries(found, queries)
    values = found.first_measure()
    shown = []
    for query, ranking in rankings.items():
        name = found.collection.query_id[query]
        first, below, gone = (
            [_hit(found, query, ranking, row, passages) for row in rows]
            for rows in (ranking.now[:depth], *ranking.elsewhere(depth))
        )
        shown.append(
            Example(
                collection=found.collection.name,
                query_id=name,
                text=texts[name],
                relevant=len(ranking.relevant),
                measure=found.per_query.columns[1],
                value=values.get(name),
                base_value=base.values.get(name) if base else None,
                first=first,
                below=below,
                gone=gone,
            )
        )
    return shown


def _ranking(found: Found, base: Base | None, query: int) -> _Ranking:
    collection = found.collection
    ids, name = collection.passage_id, collection.query_id[query]
    judged = collection.qrels.filter(pl.col("query_id") == name)
    relevant = judged.filter(pl.col("relevance") > 0)["passage_id"]
    before = base.rows[query].numpy() if base else np.empty(0, np.int64)
    if found.searched is not None:
        before = before[np.isin(before, found.searched)]
    left_out = (ids == name).arg_true() if collection.source.drop_identical else []
    now, past = (
        [row for row in ranked.tolist() if row >= 0 and row not in left_out]
        for ranked in (found.top.rows[query].cpu().numpy(), before)
    )
    return _Ranking(now, past, ids.is_in(relevant.implode()).arg_true().to_list())


def _hit(
    found: Found,
    query: int,
    ranking: _Ranking,
    row: int,
    passages: dict[str, tuple[str, str]],
) -> Hit:
    name = found.collection.passage_id[row]
    score = found.top.scores[query][found.top.rows[query] == row]
    return Hit(
        name,
        *passages[name],
        relevant=row in ranking.relevant,
        rank=_rank(ranking.now, row),
        base_rank=_rank(ranking.base, row),
        score=score.item() if len(score) else None,
    )


def _rank(rows: list[int], row: int) -> int | None:
    return rows.index(row) + 1 if row in rows else None


def _passages(found: Found, rows: Sequence[int]) -> dict[str, tuple[str, str]]:
    """Title and text by id."""
    names = found.collection.passage_id.gather(list(rows))
    frame = (
        artefacts.scan(found.collection.source.corpus, schemas.CORPUS)
        .filter(pl.col("passage_id").is_in(names.implode()))
        .select("passage_id", "title", "text")
        .collect()
    )
    return {name: (title or "", text) for name, title, text in frame.iter_rows()}


def _queries(found: Found, rows: Sequence[int]) -> dict[str, str]:
    names = found.collection.query_id.gather(list(rows))
    frame = (
        artefacts.scan(found.collection.source.queries, schemas.QUERIES)
        .filter(pl.col("query_id").is_in(names.implode()))
        .select("query_id", "text")
        .collect()
    )
    return dict(frame.iter_rows())
