"""From a source's tables to the rows of corpus, queries and qrels, with counts."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from dr_lightning.artefacts import replacing
from dr_lightning.sources.fields import Fields
from dr_lightning.sources.rows import (
    clean,
    drop_repeats,
    is_cut,
    refuse_lines,
    refuse_missing_ids,
    renamed,
)
from dr_lightning.sources.table import Table

CUT = "cut at max_characters"
"""What is counted of texts that were longer."""


@dataclass(frozen=True)
class Read:
    """What was made of a table.

    Args:
        table: The source.
        rows: Its rows in the columns of an artefact, and `line`; where they have texts,
            also `cut`, whether one of these was.
        counts: Rows in and out, and what else is worth telling.
        dropped: Reason and count of every drop.
    """

    table: Table
    rows: pl.LazyFrame
    counts: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def written(self) -> int:
        """Rows that stay."""
        return self.counts["written"]

    def without(self, reason: str, rows: pl.LazyFrame) -> "Read":
        """The same after a drop.

        Args:
            reason: Why rows were dropped.
            rows: Those that stay.
        """
        written = count(rows)
        dropped = self.dropped | {reason: self.written - written}
        return replace(
            self,
            rows=rows,
            counts=self.counts | {"written": written},
            dropped=dropped,
        )


def count(rows: pl.LazyFrame) -> int:
    """The number of rows.

    Args:
        rows: A lazy frame.
    """
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def read_corpus(
    table: Table, fields: Fields, max_characters: int | None, spool: Path
) -> Read:
    """The passages of a source, cleaned.

    Args:
        table: The source.
        fields: Its fields.
        max_characters: Longer titles and texts are cut here; None = never.
        spool: A folder to keep the cleaned passages in, since they need not fit in
            memory.

    Raises:
        ValueError: If a row is bad, or no passage is left.
    """
    names = fields.corpus(table)
    own = [name for name in ("title", "text") if name in names]
    texts = {name: clean(name, max_characters) for name in own}
    made = {"title": pl.lit("")} | texts | {"cut": is_cut(own, max_characters)}
    files = []
    for number, batch in enumerate(renamed(table, names)):
        files.append(spool / f"{number:06d}.parquet")
        with replacing(files[-1]) as temporary:
            batch.with_columns(**made).write_parquet(temporary)
    read = _begin(table, pl.scan_parquet(files), ["passage_id"])
    filled = read.rows.filter((pl.col("title") != "") | (pl.col("text") != ""))
    read = read.without("empty", filled)
    return _end(_once(read, ["passage_id"], ["title", "text"]))


def read_queries(table: Table, fields: Fields, max_characters: int | None) -> Read:
    """The queries of a source, cleaned; all are human.

    Args:
        table: The source.
        fields: Its fields.
        max_characters: Longer texts are cut here; None = never.

    Raises:
        ValueError: If a row is bad, or no query is left.
    """
    rows = pl.concat(renamed(table, fields.queries(table))).with_columns(
        clean("text", max_characters),
        is_cut(["text"], max_characters).alias("cut"),
        pl.lit("human").alias("query_type"),
        pl.lit(None, pl.String).alias("source_passage_id"),
    )
    read = _begin(table, rows.lazy(), ["query_id"])
    read = read.without("empty", read.rows.filter(pl.col("text") != ""))
    return _end(_once(read, ["query_id"], ["text"]))


def read_qrels(table: Table, fields: Fields, queries: Read, corpus: Read) -> Read:
    """The judgements of a source.

    Those of unknown queries are dropped, for nothing can be searched for them. Those of
    passages that are not in the corpus stay and are counted: without them recall would
    be that of an easier task.

    Args:
        table: The source.
        fields: Its fields.
        queries: All queries there are.
        corpus: The passages.

    Raises:
        ValueError: If a row is bad, or no id is among the queries' or the passages'.
    """
    rows = pl.concat(renamed(table, fields.qrels(table)))
    read = _begin(table, rows.lazy(), ["query_id", "passage_id"])
    grade = pl.col("relevance").cast(pl.Float64, strict=False)
    whole = (grade == grade.round()).fill_null(value=False)
    fault = "relevance must be a whole number; mend or remove the line."
    refuse_lines(read.rows, ~whole, table.where, fault)
    read = replace(read, rows=read.rows.with_columns(relevance=grade.cast(pl.Int64)))
    read = _once(read, ["query_id", "passage_id"], ["relevance"])
    known = read.rows.join(
        queries.rows, on="query_id", how="semi", maintain_order="left"
    )
    kept = read.without("of an unknown query", known)
    _refuse_strangers(kept.written, read, queries, "query_id")
    found = count(known.join(corpus.rows, on="passage_id", how="semi"))
    _refuse_strangers(found, kept, corpus, "passage_id")
    unknown = {"passage not in the corpus": kept.written - found}
    return replace(kept, counts=kept.counts | unknown)


def only_judged(queries: Read, qrels: Read) -> Read:
    """The queries of a split: those that it judges.

    Args:
        queries: All queries there are.
        qrels: The split's judgements.
    """
    judged = queries.rows.join(
        qrels.rows, on="query_id", how="semi", maintain_order="left"
    )
    return _with_cut(queries.without("not judged here", judged))


def _begin(table: Table, rows: pl.LazyFrame, ids: list[str]) -> Read:
    total = count(rows)
    if not total:
        msg = f"{table.where}: has no rows. Give a file with rows."
        raise ValueError(msg)
    for name in ids:
        refuse_missing_ids(rows, name, table.where)
    return Read(table, rows, {"read": total, "written": total})


def _once(read: Read, key: list[str], content: list[str]) -> Read:
    rows = drop_repeats(read.rows, key, content, read.table.where)
    return read.without("repeated", rows)


def _end(read: Read) -> Read:
    if not read.written:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in read.dropped.items())
        msg = (
            f"{read.table.where}: no row is left of {read.counts['read']:,} "
            f"({reasons}). Name the field of the text with --fields."
        )
        raise ValueError(msg)
    return _with_cut(read)


def _with_cut(read: Read) -> Read:
    """Counts the rows with a text that was cut, of those that stay."""
    return replace(read, counts=read.counts | {CUT: count(read.rows.filter("cut"))})


def _refuse_strangers(found: int, qrels: Read, others: Read, name: str) -> None:
    if found:
        return
    examples = [
        read.rows.select(name).first().collect().item() for read in (qrels, others)
    ]
    msg = (
        f"{qrels.table.where}: no {name} is in {others.table.where}; one has ids such "
        f"as {examples[0]!r}, the other {examples[1]!r}. Give files of one collection, "
        f"or name the fields of the ids with --fields."
    )
    raise ValueError(msg)
