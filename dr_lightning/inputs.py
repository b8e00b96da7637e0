"""Inputs of a stage: one file or several, a run in any of its forms."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from dr_lightning import artefacts, schemas, trec


def as_list(paths: list[Path] | Path | None) -> list[Path]:
    """The files of an option that takes one, several or none.

    Args:
        paths: As the option was given.

    Example:
        >>> len(as_list(Path("a"))), as_list(None)
        (1, [])
    """
    if paths is None:
        return []
    return [paths] if isinstance(paths, Path) else paths


def named(name: str, paths: Sequence[Path]) -> dict[str, Path]:
    """Names for the manifest: `queries`, or `queries_1`, `queries_2` of several.

    Args:
        name: Of the option.
        paths: Its files.

    Example:
        >>> list(named("queries", [Path("a"), Path("b")]))
        ['queries_1', 'queries_2']
    """
    if len(paths) == 1:
        return {name: paths[0]}
    return {f"{name}_{index}": path for index, path in enumerate(paths, start=1)}


def read_queries(paths: Sequence[Path]) -> pl.DataFrame:
    """All queries, in the order of the files.

    Args:
        paths: Files of queries.

    Raises:
        ValueError: If there is no file, or an id stands in more than one.
    """
    if not paths:
        msg = "queries names no file. Give at least one, by `ingest` or `generate`."
        raise ValueError(msg)
    frame = pl.concat([artefacts.read(path, schemas.QUERIES) for path in paths])
    repeated = frame.filter(pl.col("query_id").is_duplicated())
    if len(repeated):
        msg = (
            f"query {repeated['query_id'][0]!r} stands in more than one of "
            f"{', '.join(map(str, paths))}. Give each query once; where two engines "
            "wrote for one corpus, write one file anew with `generate --writer NAME`."
        )
        raise ValueError(msg)
    return frame


class Judged(NamedTuple):
    """The judgements that count for some queries.

    Attributes:
        qrels: Schema of qrels, of queries that are asked.
        left_out: How many other queries are judged. They were never searched for, so
            they would count 0.
    """

    qrels: pl.DataFrame
    left_out: int


def read_judged(path: Path, asked: pl.DataFrame) -> Judged:
    """The judgements of the queries that are asked.

    Args:
        path: A file of qrels, which may judge a whole split.
        asked: Schema of queries, such as a part of the split.

    Raises:
        ValueError: If none of the queries is judged.
    """
    qrels = artefacts.read(path, schemas.QRELS)
    kept = qrels.join(asked, on="query_id", how="semi", maintain_order="left")
    if kept.is_empty():
        examples = [list(frame["query_id"].head(1)) for frame in (qrels, asked)]
        msg = (
            f"{path}: judges none of the {len(asked):,} queries; it has ids such as "
            f"{examples[0]}, they have {examples[1]}. Give queries and qrels of one "
            "split."
        )
        raise ValueError(msg)
    left_out = qrels["query_id"].n_unique() - kept["query_id"].n_unique()
    return Judged(kept, left_out)


def read_run(path: Path) -> pl.DataFrame:
    """A run, in whatever form it is kept.

    Args:
        path: A run artefact, teacher scores, which are a ranking like any other, or a
            TREC run file.

    Returns:
        Schema of runs, in the order of the file.

    Raises:
        ValueError: If the file cannot be read or breaks its contract.
    """
    if path.suffix != ".parquet" and not path.is_dir():
        return trec.read_run(path)
    if artefacts.read_manifest(path).get("schema") == schemas.TEACHER_SCORES.name:
        scores = artefacts.read(path, schemas.TEACHER_SCORES)
        return scores.rename({"teacher_score": "score"})
    return artefacts.read(path, schemas.RUN)
