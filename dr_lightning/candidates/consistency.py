"""The method's first filter: a query must find the passage it was written for."""

import polars as pl


def consistent(
    run: pl.DataFrame, queries: pl.DataFrame, source_depth: int
) -> pl.DataFrame:
    """The lists whose query was written for one of their first passages.

    Queries without a source passage, human ones, all stay. Of several retrievers it is
    the fused list that is looked at. (The paper's code filters each retriever's run and
    then fuses what is left, so that a query which one retriever kept has the list of
    that one alone.)

    Args:
        run: Lists, best first.
        queries: With `source_passage_id`.
        source_depth: How deep the source may stand.

    Example:
        >>> run = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b"]]})
        >>> queries = pl.DataFrame({"query_id": ["q"], "source_passage_id": ["b"]})
        >>> [len(consistent(run, queries, depth)) for depth in (1, 2)]
        [0, 1]
    """
    source = pl.col("source_passage_id")
    found = pl.col("passage_id").list.head(source_depth).list.contains(source)
    return (
        run.join(
            queries.select("query_id", source),
            on="query_id",
            how="left",
            maintain_order="left",
        )
        .filter(source.is_null() | found)
        .drop("source_passage_id")
    )
