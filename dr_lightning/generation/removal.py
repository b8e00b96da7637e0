"""Takes sentences that became queries out of their passages (inverse cloze)."""

import re
from collections.abc import Iterable

import polars as pl

NOT_TAKEN_OUT = "its sentence cannot be taken out"


def take_out(
    texts: dict[str, str], removed: Iterable[tuple[str, str, str]]
) -> tuple[dict[str, str], list[str]]:
    """Takes pieces out of texts, as long as words are left.

    Args:
        texts: By passage.
        removed: Query, passage, and the piece of the passage that is the query.

    Returns:
        The texts that changed, and the queries whose piece is not in the text (any
        more) or is all of it.

    Example:
        >>> take_out({"p": "It rises. It is baked."}, [("q", "p", "It rises.")])
        ({'p': 'It is baked.'}, [])
    """
    changed: dict[str, str] = {}
    refused = []
    for query, passage, piece in removed:
        text = changed.get(passage, texts[passage])
        before, found, after = text.partition(piece)
        left = " ".join([before.rstrip(), after.lstrip()]).strip()
        if found and piece and re.search(r"\w", left):
            changed[passage] = left
        else:
            refused.append(query)
    return changed, refused


def without_pieces(
    corpus: pl.LazyFrame, found: pl.DataFrame
) -> tuple[pl.DataFrame, pl.LazyFrame | None]:
    """Queries whose pieces could be taken out, and the corpus without these pieces.

    Args:
        corpus: passage_id, title, text.
        found: What `Work.cleaned` gave; rows with a piece that cannot be taken out get
            a reason.

    Returns:
        `found`, and the corpus in its order; None if nothing was taken out.
    """
    rows = found.filter(pl.col("reason").is_null() & pl.col("removed").is_not_null())
    if rows.is_empty():
        return found, None
    wanted = rows.lazy().select("passage_id").unique()
    some = corpus.join(wanted, on="passage_id", how="semi").collect()
    texts = dict(some.select("passage_id", "text").iter_rows())
    pieces = rows.select("query_id", "passage_id", "removed").iter_rows()
    changed, refused = take_out(texts, pieces)
    stays = pl.col("query_id").is_in(refused)
    found = found.with_columns(
        reason=pl.when(stays).then(pl.lit(NOT_TAKEN_OUT)).otherwise("reason")
    )
    if not changed:
        return found, None
    new = pl.LazyFrame({"passage_id": list(changed), "new": list(changed.values())})
    joined = corpus.join(new, on="passage_id", how="left", maintain_order="left")
    text = pl.coalesce("new", "text").alias("text")
    return found, joined.select("passage_id", "title", text)
