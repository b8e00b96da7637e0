"""Measures of a run file against qrels, one row a query."""

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from dr_lightning.metrics.judgements import Judgements
from dr_lightning.metrics.retrieval import parse_measures, values_frame

#: Queries that are measured together; bounds the memory, not the result.
BLOCK = 4096


def evaluate_run(
    run: pl.DataFrame,
    qrels: pl.DataFrame,
    measures: Sequence[str],
    drop_identical: bool = False,
) -> pl.DataFrame:
    """Measure each judged query of a run, as trec_eval -c does.

    A judged query that is not in the run, or has no relevant passage, has the value
    0; queries of the run without judgements are left out. Scores are compared as
    float32, ties are ordered by descending passage id.

    Args:
        run: Columns query_id, passage_id (lists) and score (lists); the order in the
            lists has no meaning.
        qrels: Columns query_id, passage_id, relevance.
        measures: Names such as `nDCG@10` and `R@100`.
        drop_identical: Drop a passage whose id is the query's own before any cut.

    Returns:
        query_id (ascending) and one float column a measure, values in [0, 1].

    Raises:
        ValueError: If a measure is unknown, a query or a passage of a query stands
            twice in the run, or a score is NaN.

    >>> run = pl.DataFrame(
    ...     {"query_id": ["q"], "passage_id": [["a", "b"]], "score": [[0.9, 0.8]]}
    ... )
    >>> qrels = pl.DataFrame(
    ...     {"query_id": ["q"], "passage_id": ["b"], "relevance": [1]}
    ... )
    >>> evaluate_run(run, qrels, ["RR@10", "R@1"]).row(0)
    ('q', 0.5, 0.0)
    """
    parsed = parse_measures(measures)
    _refuse_repeats(run)
    query_ids = qrels["query_id"].unique().sort()
    run = run.filter(pl.col("query_id").is_in(query_ids.implode()))
    retrieved = run["passage_id"].explode().drop_nulls()
    passage_ids = pl.concat([retrieved, qrels["passage_id"]]).unique().sort()
    judgements = Judgements(qrels, query_ids, passage_ids, drop_identical)
    values = torch.zeros(len(query_ids), len(parsed), dtype=torch.float64)
    for block in run.iter_slices(BLOCK):
        query_rows, passage_rows, scores = _tables(block, query_ids, passage_ids)
        gains = judgements.gains(query_rows, passage_rows, scores).double()
        ideal = judgements.ideal[query_rows].double()
        columns = [measure(gains, ideal) for measure in parsed]
        values[query_rows] = torch.stack(columns, dim=1)
    return values_frame(query_ids, parsed, values)


def means(per_query: pl.DataFrame) -> dict[str, float]:
    """Average every measure of a table with one row a query.

    >>> means(pl.DataFrame({"query_id": ["a", "b"], "RR": [1.0, 0.5]}))
    {'RR': 0.75}
    """
    return per_query.drop("query_id").mean().row(0, named=True)


def _refuse_repeats(run: pl.DataFrame) -> None:
    repeated = run["query_id"].filter(run["query_id"].is_duplicated())
    if len(repeated):
        raise ValueError(
            f"the run has query {repeated[0]!r} more than once; merge its lists or "
            "keep one."
        )
    lists = pl.col("passage_id").list
    twice = run.filter(lists.n_unique() < lists.len())["query_id"]
    if len(twice):
        raise ValueError(
            f"the run lists a passage twice for query {twice[0]!r}; keep its best "
            "score."
        )


def _tables(
    run: pl.DataFrame, query_ids: pl.Series, passage_ids: pl.Series
) -> tuple[Tensor, Tensor, Tensor]:
    """Lay out lists of any length as tables of rows and scores, -1 where they end."""
    lengths = torch.tensor(run["passage_id"].list.len().cast(pl.Int64).to_numpy())
    depth = int(lengths.max()) if len(lengths) else 0
    flat = run.select("passage_id", "score").filter(pl.col("passage_id").list.len() > 0)
    flat = flat.explode("passage_id", "score")
    filled = torch.arange(depth) < lengths[:, None]
    passage_rows = torch.full(filled.shape, -1)
    passage_rows[filled] = _rows_of(flat["passage_id"], passage_ids)
    scores = torch.full(filled.shape, -torch.inf)
    scores[filled] = torch.tensor(flat["score"].cast(pl.Float32).to_numpy())
    return _rows_of(run["query_id"], query_ids), passage_rows, scores


def _rows_of(wanted: pl.Series, ids: pl.Series) -> Tensor:
    table = pl.DataFrame({"id": ids}).with_row_index("row")
    rows = (
        wanted.alias("id")
        .to_frame()
        .join(table, on="id", how="left", maintain_order="left")
    )
    return torch.tensor(rows["row"].cast(pl.Int64).to_numpy())
