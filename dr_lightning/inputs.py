"""Inputs of a stage that may be several files."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas


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
