"""A table of named fields, whatever it was read from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

_BATCH = 20_000

Record = tuple[int, Mapping[str, object]]
"""The line a record comes from, and its fields."""


@dataclass(frozen=True)
class Table:
    """Rows with named fields, read when they are asked for.

    Args:
        where: The file or data set, for messages.
        fields: The names there are.
        batches: From field names to frames with these as text, and `line`: the line of
            a text file, else the row, from 1. Gives at least one frame.
        path: The file or folder, whose fingerprint stands in the manifest; None for a
            data set that is named.
    """

    where: str
    fields: Sequence[str]
    batches: Callable[[Sequence[str]], Iterator[pl.DataFrame]]
    path: Path | None = None


def frame_table(where: str, frame: pl.LazyFrame, path: Path | None = None) -> Table:
    """A lazy frame as a table; numbers are seen as text.

    Args:
        where: The file, for messages.
        frame: The rows.
        path: The file or folder.
    """
    return Table(
        where, list(frame.collect_schema()), partial(_slices, where, frame), path
    )


def _slices(
    where: str, frame: pl.LazyFrame, names: Sequence[str]
) -> Iterator[pl.DataFrame]:
    types = frame.collect_schema()
    for name in names:
        if types[name].is_nested() or types[name] in (pl.Boolean, pl.Binary):
            _refuse_value(where, name, str(types[name]))
    texts = frame.select(pl.col(name).cast(pl.String) for name in names)
    rows = texts.select(pl.len()).collect().item()
    for start in range(0, max(rows, 1), _BATCH):
        batch = texts.slice(start, _BATCH).collect().with_row_index("line", start + 1)
        yield batch.cast({"line": pl.Int64})


def record_table(
    where: str,
    fields: Sequence[str],
    records: Callable[[], Iterator[Record]],
    path: Path | None = None,
) -> Table:
    """Records as a table; they are read anew whenever rows are asked for.

    Args:
        where: The file or data set, for messages.
        fields: The names there are.
        records: Begins to read.
        path: The file or folder.
    """
    return Table(where, fields, partial(_batches, where, records), path)


_Row = tuple[int | str | None, ...]


def _batches(
    where: str, records: Callable[[], Iterator[Record]], names: Sequence[str]
) -> Iterator[pl.DataFrame]:
    schema = pl.Schema({"line": pl.Int64()} | {name: pl.String() for name in names})
    batch: list[_Row] = []
    some = False
    for line, record in records():
        values = (_text(record.get(name), name, f"{where}:{line}") for name in names)
        batch.append((line, *values))
        if len(batch) == _BATCH:
            yield _frame(batch, schema)
            batch, some = [], True
    if batch or not some:
        yield _frame(batch, schema)


def _frame(batch: list[_Row], schema: pl.Schema) -> pl.DataFrame:
    try:
        return pl.DataFrame(batch, schema=schema, orient="row")
    except UnicodeEncodeError:
        # JSON may hold half of a surrogate pair, from a text cut inside an emoji.
        whole = [tuple(map(_without_surrogates, row)) for row in batch]
        return pl.DataFrame(whole, schema=schema, orient="row")


def _text(value: object, name: str, place: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse_value(place, name, type(value).__name__)
    return str(value)


def _without_surrogates(value: int | str | None) -> int | str | None:
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refuse_value(place: str, name: str, found: str) -> None:
    msg = (
        f"{place}: field {name!r} must be text or a number, but is {found}. Mend it, "
        f"or name another field with --fields."
    )
    raise ValueError(msg)
