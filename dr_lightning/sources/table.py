"""A table of named fields, whatever it was read from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

_BATCH = 10_000

Record = tuple[int, Mapping[str, object]]
"""The line a record comes from, and its fields."""


@dataclass(frozen=True)
class Table:
    """Rows with named fields, read when they are asked for.

    Args:
        where: The file or data set, for messages.
        fields: The names there are.
        rows: From field names to a lazy frame with these as text, and `line`: the line
            of a text file, else the row, from 1.
        path: The file or folder, whose fingerprint stands in the manifest; None for a
            data set that is named.
    """

    where: str
    fields: Sequence[str]
    rows: Callable[[Sequence[str]], pl.LazyFrame]
    path: Path | None = None


def frame_table(where: str, frame: pl.LazyFrame, path: Path | None = None) -> Table:
    """A lazy frame as a table; numbers are seen as text.

    Args:
        where: The file, for messages.
        frame: The rows.
        path: The file or folder.
    """
    types = frame.collect_schema()

    def rows(names: Sequence[str]) -> pl.LazyFrame:
        for name in names:
            if types[name].is_nested() or types[name] in (pl.Boolean, pl.Binary):
                _refuse_value(where, name, str(types[name]))
        texts = frame.select(pl.col(name).cast(pl.String) for name in names)
        return texts.with_row_index("line", 1).cast({"line": pl.Int64})

    return Table(where, list(types), rows, path)


def record_table(
    where: str,
    fields: Sequence[str],
    records: Callable[[], Iterator[Record]],
    path: Path | None = None,
) -> Table:
    """Records as a table; they are read in batches, anew at every pass.

    Args:
        where: The file or data set, for messages.
        fields: The names there are.
        records: Begins to read.
        path: The file or folder.
    """

    def rows(names: Sequence[str]) -> pl.LazyFrame:
        schema = pl.Schema({"line": pl.Int64()} | {name: pl.String() for name in names})

        def batches(
            columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,
            batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            for batch in _batches(records(), names, where):
                frame = _frame(batch, schema)
                if n_rows is not None:
                    frame = frame.head(n_rows)
                    n_rows -= len(frame)
                yield _narrow(frame, columns, predicate)
                if n_rows == 0:
                    return

        return register_io_source(batches, schema=schema, is_pure=True)

    return Table(where, fields, rows, path)


_Row = tuple[int | str | None, ...]


def _batches(
    records: Iterator[Record], names: Sequence[str], where: str
) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for line, record in records:
        values = (_text(record.get(name), name, f"{where}:{line}") for name in names)
        batch.append((line, *values))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _frame(batch: list[_Row], schema: pl.Schema) -> pl.DataFrame:
    try:
        return pl.DataFrame(batch, schema=schema, orient="row")
    except UnicodeEncodeError:
        # JSON may hold half of a surrogate pair, from a text cut inside an emoji.
        whole = [tuple(map(_without_surrogates, row)) for row in batch]
        return pl.DataFrame(whole, schema=schema, orient="row")


def _narrow(
    frame: pl.DataFrame, columns: list[str] | None, predicate: pl.Expr | None
) -> pl.DataFrame:
    if predicate is not None:
        frame = frame.filter(predicate)
    return frame if columns is None else frame.select(columns)


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
