"""Run and qrels files of TREC, as trec_eval reads them.

A line of a run is `query Q0 passage rank score tag`, a line of qrels is
`query 0 passage relevance`; white space separates the fields.
"""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl

from dr_lightning.artefacts import replacing
from dr_lightning.schemas import QRELS, RUN, check

logger = logging.getLogger(__name__)

_RUN_FIELDS = ("query_id", "Q0", "passage_id", "rank", "score", "tag")
_QRELS_FIELDS = ("query_id", "iteration", "passage_id", "relevance")
_NO_FIELD = r"^$|\s"


def write_run(run: pl.DataFrame, path: Path, tag: str) -> None:
    """Writes a run; scores have the digits that bring back the same float32.

    Args:
        run: Rows of the `run` schema.
        path: Where to; a file that is there is replaced.
        tag: Name of the system, the last field.

    Raises:
        ValueError: If an id or the tag has white space, or the rows break the schema.
        OSError: If the file cannot be written.
    """
    run = check(run, RUN, str(path))
    rank = pl.int_ranges(1, pl.col("passage_id").list.len() + 1)
    lines = run.with_columns(
        rank.alias("rank"), pl.lit("Q0").alias("Q0"), pl.lit(tag).alias("tag")
    )
    lines = lines.explode("passage_id", "rank", "score")
    _write(lines.select(_RUN_FIELDS), ("query_id", "passage_id", "tag"), path)


def write_beside(run: pl.DataFrame, path: Path, tag: str) -> None:
    """Writes a run beside its parquet file, or tells why there is none.

    Ids that are file names or titles may have white space, which a line of TREC cannot
    hold; nothing else needs the file.

    Args:
        run: Rows of the `run` schema.
        path: The parquet file; this one has the suffix `.trec`.
        tag: Name of the system, without white space.
    """
    ids = pl.concat([run["query_id"], run["passage_id"].explode(empty_as_null=False)])
    spaced = ids.filter(ids.str.contains(_NO_FIELD))
    beside = path.with_suffix(".trec")
    if spaced.is_empty():
        write_run(run, beside, tag)
        return
    beside.unlink(missing_ok=True)
    _tell(str(spaced.min()))


@cache  # Not again at each validation.
def _tell(spaced: str) -> None:
    logger.warning(
        "no TREC file beside the runs: ids such as %r have white space, which "
        "separates its fields. The parquet files have all",
        spaced,
    )


def write_qrels(qrels: pl.DataFrame, path: Path) -> None:
    """Writes qrels.

    Args:
        qrels: Rows of the `qrels` schema.
        path: Where to; a file that is there is replaced.

    Raises:
        ValueError: If an id has white space, or the rows break the schema.
        OSError: If the file cannot be written.
    """
    lines = check(qrels, QRELS, str(path)).with_columns(pl.lit(0).alias("iteration"))
    _write(lines.select(_QRELS_FIELDS), ("query_id", "passage_id"), path)


def read_run(path: Path) -> pl.DataFrame:
    """Reads a run.

    As in trec_eval the order is that of the scores, not of the ranks; passages of equal
    score stay in the order of the file.

    Args:
        path: A TREC run file.

    Returns:
        Rows of the `run` schema, queries in the order of the file.

    Raises:
        ValueError: Naming the first bad line, or the row that breaks the schema.
    """
    table = _read(path, _RUN_FIELDS, "score", pl.Float32())
    run = (
        table.sort("score", descending=True, maintain_order=True)
        .group_by("query_id", maintain_order=True)
        .agg("passage_id", "score", pl.col("line").min())
        .sort("line")
    )
    return check(run.drop("line"), RUN, str(path))


def read_qrels(path: Path) -> pl.DataFrame:
    """Reads qrels.

    Args:
        path: A TREC qrels file.

    Returns:
        Rows of the `qrels` schema, in the order of the file.

    Raises:
        ValueError: Naming the first bad line, or the row that breaks the schema.
    """
    table = _read(path, _QRELS_FIELDS, "relevance", pl.Int64())
    return check(table.select(*QRELS.columns), QRELS, str(path))


def _write(lines: pl.DataFrame, names: Sequence[str], path: Path) -> None:
    for name in names:
        spaced = lines[name].filter(lines[name].str.contains(_NO_FIELD))
        if len(spaced):
            msg = (
                f"{path}: {name} {spaced[0]!r} is empty or has white space, which "
                f"separates the fields of a TREC file. Rename it, or keep to parquet."
            )
            raise ValueError(msg)
    with replacing(path) as temporary:
        lines.write_csv(
            temporary, include_header=False, separator=" ", quote_style="never"
        )


def _read(
    path: Path, fields: Sequence[str], number: str, dtype: pl.DataType
) -> pl.DataFrame:
    """The fields of each line that is not blank, and `line`, its number."""
    if not path.is_file():
        msg = f"{path}: no such file. Give a TREC file."
        raise ValueError(msg)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path}: is not UTF-8 ({error}). Convert it."
        raise ValueError(msg) from error
    lines = pl.DataFrame({"text": text.split("\n")}).with_row_index("line", 1)
    part = pl.col("part").list
    table = (
        lines.with_columns(pl.col("text").str.extract_all(r"\S+").alias("part"))
        .filter(part.len() > 0)
        .with_columns(
            part.get(index, null_on_oob=True).alias(name)
            for index, name in enumerate(fields)
        )
        .with_columns(pl.col(number).cast(dtype, strict=False))
    )
    bad = table.filter((part.len() != len(fields)) | pl.col(number).is_null())
    if len(bad):
        msg = (
            f"{path}:{bad['line'][0]}: expected '{' '.join(fields)}' with a number as "
            f"{number}, but got {bad['text'][0]!r}. Mend or remove the line."
        )
        raise ValueError(msg)
    return table
