"""Qrels as an index of tensors: from ranked rows to a table of gains, no loop."""

import logging

import polars as pl
import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)


class Judgements(nn.Module):
    """Judged relevances by row numbers, looked up for a whole batch at once.

    Queries and passages are rows: the position of their id in `query_ids` and
    `passage_ids`. A judgement has the key `query row * passages + passage row`; the
    keys are sorted, so looking up a batch of rankings is one binary search.

    It is a module without parameters, so that its tensors follow the metric that
    holds it from device to device. They are not part of a checkpoint.

    Args:
        qrels: Columns query_id, passage_id, relevance. Judged passages that are not
            among `passage_ids` cannot be found, but count among the relevant ones.
        query_ids: The id of each query row; every judged query is among them.
        passage_ids: The id of each passage row, in any order.
        drop_identical: Take a passage whose id is the query's own out of the ranking
            before any cut, as the ArguAna collection asks.

    Raises:
        ValueError: If an id or a judgement is repeated, nothing is judged, or a
            judged query is not among `query_ids`.

    Example:
        >>> qrels = pl.DataFrame(
        ...     {"query_id": ["q"], "passage_id": ["b"], "relevance": [2]}
        ... )
        >>> judgements = Judgements(qrels, pl.Series(["q"]), pl.Series(["a", "b"]))
        >>> query, ranked = torch.tensor([0]), torch.tensor([[0, 1]])
        >>> judgements.gains(query, ranked, torch.tensor([[0.9, 0.8]]))
        tensor([[0., 2.]])
    """

    #: (judgements,) ascending keys, and the relevance of each, at least 0.
    keys: Tensor
    relevance: Tensor
    #: (passages,) position of each passage's id in the ascending order of ids.
    passage_order: Tensor
    #: (queries,) row of the passage to drop for each query, -1 where there is none.
    dropped: Tensor
    #: (queries,) whether a query has a judgement, be it relevant or not.
    judged: Tensor
    #: (queries, width) relevances of all relevant passages, highest first, then 0.
    ideal: Tensor

    def __init__(
        self,
        qrels: pl.DataFrame,
        query_ids: pl.Series,
        passage_ids: pl.Series,
        drop_identical: bool = False,
    ) -> None:
        super().__init__()
        self.query_ids = query_ids.alias("query_id")
        queries = _row_numbers(query_ids, "query")
        passages = _row_numbers(passage_ids, "passage")
        judged = _judged_rows(qrels, queries, passages)
        found = (
            judged.drop_nulls("passage")
            .with_columns(key=pl.col("query") * len(passages) + pl.col("passage"))
            .sort("key")
        )
        self._keep("keys", found["key"])
        self._keep("relevance", found["relevance"].cast(pl.Float32))
        self._keep("passage_order", passage_ids.rank("ordinal").cast(pl.Int64) - 1)
        self._keep("dropped", _own_passages(queries, passages, drop_identical))
        self._keep("judged", queries["query"].is_in(judged["query"].implode()))
        self.register_buffer("ideal", _ideal(judged, len(queries)), persistent=False)

    def gains(self, query_rows: Tensor, passage_rows: Tensor, scores: Tensor) -> Tensor:
        """Order rankings as trec_eval does and look up the relevance at each rank.

        The order is by descending score in float32, ties by descending passage id
        (as strings); the order of the columns has no meaning.

        Args:
            query_rows: Row of each query, of shape (batch,).
            passage_rows: Retrieved passages, distinct for each query, of shape
                (batch, depth); -1 for none.
            scores: Their scores, of shape (batch, depth).

        Returns:
            Relevances, at least 0, of shape (batch, depth), float32.

        Raises:
            ValueError: If a score is NaN.
        """
        dropped = self.dropped[query_rows, None]
        absent = (passage_rows < 0) | (passage_rows == dropped)
        if (scores.isnan() & ~absent).any():
            raise ValueError(
                "a ranking has NaN scores, which have no order; check the embeddings "
                "that were searched."
            )
        scores = scores.float().masked_fill(absent, -torch.inf)
        ties = self.passage_order[passage_rows.clamp(min=0)].masked_fill(absent, -1)
        # Two stable sorts order by (score, tie): the minor key goes first.
        order = ties.argsort(dim=1, descending=True)
        by_score = scores.gather(1, order)
        order = order.gather(1, by_score.argsort(dim=1, descending=True, stable=True))
        return self._look_up(query_rows, passage_rows, absent).gather(1, order)

    def _look_up(
        self, query_rows: Tensor, passage_rows: Tensor, absent: Tensor
    ) -> Tensor:
        if not len(self.keys):
            return torch.zeros_like(passage_rows, dtype=self.relevance.dtype)
        wanted = query_rows[:, None] * len(self.passage_order) + passage_rows
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        known = (self.keys[place] == wanted) & ~absent
        return torch.where(known, self.relevance[place], 0.0)

    def _keep(self, name: str, column: pl.Series) -> None:
        # A copy: polars lends read-only memory, which torch must not write to.
        tensor = torch.tensor(column.to_numpy())
        self.register_buffer(name, tensor, persistent=False)


def _row_numbers(ids: pl.Series, noun: str) -> pl.DataFrame:
    repeated = ids.filter(ids.is_duplicated())
    if len(repeated):
        raise ValueError(
            f"{noun} id {repeated[0]!r} is repeated; ids are unique, so drop the "
            f"repeated {noun} rows."
        )
    return (
        ids.alias(f"{noun}_id").to_frame().with_row_index(noun).cast({noun: pl.Int64})
    )


def _own_passages(
    queries: pl.DataFrame, passages: pl.DataFrame, drop_identical: bool
) -> pl.Series:
    if not drop_identical:
        passages = passages.clear()
    own = queries.join(
        passages,
        left_on="query_id",
        right_on="passage_id",
        how="left",
        maintain_order="left",
    )
    return own["passage"].fill_null(-1)


def _judged_rows(
    qrels: pl.DataFrame, queries: pl.DataFrame, passages: pl.DataFrame
) -> pl.DataFrame:
    """Replace the ids of the qrels by rows; `passage` is null where it is unknown."""
    if qrels.is_empty():
        raise ValueError("the qrels are empty; give at least one judgement.")
    pairs = qrels.select("query_id", "passage_id")
    if pairs.is_duplicated().any():
        raise ValueError(
            f"the qrels judge {pairs.filter(pairs.is_duplicated()).row(0)} more than "
            "once; keep one relevance for each query and passage."
        )
    strangers = qrels.join(queries, on="query_id", how="anti")["query_id"].unique()
    if len(strangers):
        raise ValueError(
            f"the qrels judge {len(strangers)} queries that are not among the queries, "
            f"such as {strangers.min()!r}; they would count 0. Filter the qrels by "
            "the queries, or search for all judged queries."
        )
    rows = qrels.join(queries, on="query_id").join(
        passages, on="passage_id", how="left"
    )
    missing = rows.filter(pl.col("passage").is_null() & (pl.col("relevance") > 0))
    if len(missing):
        logger.warning(
            "%d relevant passages of the qrels are not in the corpus, such as %r; "
            "no search can find them",
            missing["passage_id"].n_unique(),
            missing["passage_id"].min(),
        )
    return rows.select("query", "passage", pl.col("relevance").clip(lower_bound=0))


def _ideal(judged: pl.DataFrame, queries: int) -> Tensor:
    relevant = (
        judged.filter(pl.col("relevance") > 0)
        .sort("query", "relevance", descending=[False, True])
        .with_columns(rank=pl.int_range(pl.len()).over("query"))
    )
    width = 1 + int(relevant["rank"].max() or 0)  # type: ignore[arg-type]
    ideal = torch.zeros(queries, width)
    place = torch.tensor(relevant.select("query", "rank").to_numpy())
    ideal[place[:, 0], place[:, 1]] = torch.tensor(
        relevant["relevance"].cast(pl.Float32).to_numpy()
    )
    return ideal
