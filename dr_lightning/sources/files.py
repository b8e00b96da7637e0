"""Tables in files: JSON lines, CSV, TSV (each also gzipped), parquet and TREC qrels."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import polars as pl

from dr_lightning import trec
from dr_lightning.sources.table import Record, Table, frame_table, record_table

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".qrels", ".trec")
"""What a file's name may end in; `.gz` may follow those of text tables."""

_PEEK = 1_000


def file_table(path: Path) -> Table:
    """The table in a file; its name's end tells the format.

    CSV has quotes as spreadsheets write them. TSV has none, as in BEIR and MS MARCO: a
    quote is a character like others. Both need a line of names.

    Args:
        path: A file.

    Raises:
        ValueError: If it is missing, empty or broken, or its format is not known.
    """
    if not path.is_file():
        msg = f"{path}: no such file. Give a file, a folder, hf:NAME or ir_datasets:ID."
        raise ValueError(msg)
    where, suffix = str(path), Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix == ".parquet":
        return parquet_table(path)
    if suffix in {".qrels", ".trec"}:
        return frame_table(where, trec.read_qrels(path).lazy(), path)
    if suffix in {".jsonl", ".ndjson"}:
        records = partial(_json_records, path)
        # A key may be missing in a record, so several tell the names.
        first = [record for _, record in islice(records(), _PEEK)]
        names = list(dict.fromkeys(name for record in first for name in record))
        return record_table(where, names, records, path)
    if suffix in {".csv", ".tsv"}:
        rows = _csv_rows if suffix == ".csv" else _tsv_rows
        _, names = next(rows(path), (0, []))
        return record_table(
            where, names, partial(_named, partial(rows, path), path), path
        )
    msg = (
        f"{path}: ends in {suffix!r}, but a table's name ends in one of "
        f"{', '.join(SUFFIXES)}. Rename or convert it."
    )
    raise ValueError(msg)


def parquet_table(path: Path) -> Table:
    """The table in a parquet file, or in a folder of them.

    Args:
        path: A file or a folder.

    Raises:
        ValueError: If it cannot be read.
    """
    found = sorted(path.glob("[!.]*.parquet")) if path.is_dir() else [path]
    try:
        return frame_table(str(path), pl.scan_parquet(found), path)
    except pl.exceptions.PolarsError as error:
        msg = f"{path}: cannot be read as parquet ({error}). Write it anew."
        raise ValueError(msg) from error


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without a byte order mark, line ends kept.

    Args:
        path: A text file, gzipped if its name ends in `.gz`.

    Raises:
        ValueError: Naming the line that is not UTF-8, or if the gzip file is broken.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rb") as stream:
            for number, line in enumerate(stream, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path}:{number}: is not UTF-8 ({error}). Convert the file."
        raise ValueError(msg) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        msg = f"{path}:{number + 1}: broken gzip file ({error}). Copy it anew."
        raise ValueError(msg) from error


def _json_records(path: Path) -> Iterator[Record]:
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            msg = (
                f"{path}:{number}: broken JSON ({error.msg} at character "
                f"{error.colno}). Mend or remove the line."
            )
            raise ValueError(msg) from error
        if not isinstance(record, dict):
            msg = (
                f"{path}:{number}: a line must be a JSON object, but is "
                f"{type(record).__name__}. Write one object a line."
            )
            raise ValueError(msg)
        yield number, record


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    # The module's limit of 131,072 characters is for all readers of the process.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader((line for _, line in text_lines(path)), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        msg = f"{path}:{reader.line_num}: broken CSV ({error}). Mend the line."
        raise ValueError(msg) from error


def _tsv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in text_lines(path):
        if line.strip():
            yield number, line.rstrip("\r\n").split("\t")


def _named(
    begin: Callable[[], Iterator[tuple[int, list[str]]]], path: Path
) -> Iterator[Record]:
    """Gives the fields of each row the names in the first."""
    rows = begin()
    _, names = next(rows)
    for number, row in rows:
        if len(row) != len(names):
            msg = (
                f"{path}:{number}: has {len(row)} fields, but the first line names "
                f"{len(names)}. Mend the line."
            )
            raise ValueError(msg)
        yield number, dict(zip(names, row, strict=True))
