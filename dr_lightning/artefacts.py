"""Reads and writes artefacts: parquet files or folders of shards, with a manifest."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from dr_lightning.manifest import Manifest, fingerprint, manifest_path, read_manifest
from dr_lightning.schemas import SCHEMA_VERSION, Schema, check_rows, conform

__all__ = [
    "Manifest",
    "files",
    "fingerprint",
    "manifest_path",
    "read",
    "read_manifest",
    "refuse_existing",
    "replacing",
    "scan",
    "write",
]


_CHECKED: set[tuple[object, ...]] = set()
"""Files without a manifest whose rows were found good, as they were then."""


def files(path: Path) -> list[Path]:
    """The parquet files of an artefact: itself, or its shards in order of name.

    Args:
        path: A file or a folder.

    Raises:
        ValueError: If there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        msg = f"{path}: no such file. Give a parquet file or a folder of shards."
        raise ValueError(msg)
    shards = sorted(path.glob("[!.]*.parquet"))
    if not shards:
        msg = f"{path}: has no *.parquet shards. Give a parquet file or such a folder."
        raise ValueError(msg)
    return shards


def scan(path: Path, schema: Schema) -> pl.LazyFrame:
    """A lazy view of an artefact: columns and types are checked.

    Rows are not read, for those of an artefact were checked when it was written. A file
    without a manifest, such as a user's own, has them checked here: in one pass, once
    in a process.

    Args:
        path: A file or a folder of shards.
        schema: Its contract.

    Raises:
        ValueError: If it is missing, no parquet, or of another contract or version, or
            a row of a file without manifest breaks the contract.
    """
    path = Path(path)
    frame = _open(path, schema)
    if "schema" not in read_manifest(path):
        states = [(file.resolve(), file.stat()) for file in files(path)]
        as_is = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        if (key := (schema.name, *as_is)) not in _CHECKED:
            check_rows(frame, schema, str(path))
            _CHECKED.add(key)
    return frame


def _open(path: Path, schema: Schema) -> pl.LazyFrame:
    shards = files(path)
    _check_manifest(path, schema)
    return pl.concat([_scan_file(shard, schema) for shard in shards])


def _scan_file(path: Path, schema: Schema) -> pl.LazyFrame:
    frame = pl.scan_parquet(path)
    try:
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        msg = (
            f"{path}: cannot be read as parquet ({error}). Write it anew with "
            f"`{schema.written_by}`."
        )
        raise ValueError(msg) from error
    return conform(frame, schema, str(path))


def _check_manifest(path: Path, schema: Schema) -> None:
    manifest = read_manifest(path)
    version = manifest.get("schema_version", SCHEMA_VERSION)
    name = manifest.get("schema", schema.name)
    if name != schema.name:
        msg = f"{path}: holds {name}, but {schema.name} is wanted. Give another file."
        raise ValueError(msg)
    if version != SCHEMA_VERSION:
        msg = (
            f"{path}: has schema version {version}, but this release reads version "
            f"{SCHEMA_VERSION}. Write it anew with `{schema.written_by}`."
        )
        raise ValueError(msg)


def read(path: Path, schema: Schema) -> pl.DataFrame:
    """An artefact in memory, its rows checked.

    Args:
        path: A file or a folder of shards.
        schema: Its contract.

    Raises:
        ValueError: If `scan` refuses it, or a row breaks the contract.
    """
    frame = _open(Path(path), schema).collect()
    check_rows(frame.lazy(), schema, str(path))
    return frame


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuses an output that exists, before any work is done for it.

    Args:
        path: The output.
        overwrite: Whether a file may be replaced; a folder never is.

    Raises:
        ValueError: If it exists and may not be replaced.
    """
    if path.is_dir():
        msg = f"{path} exists and is a folder. Choose another path, or remove it."
        raise ValueError(msg)
    if path.exists() and not overwrite:
        msg = f"{path} exists. Choose another path, or set overwrite: true."
        raise ValueError(msg)


def write(
    frame: pl.DataFrame | pl.LazyFrame,
    path: Path,
    schema: Schema,
    manifest: Manifest,
    overwrite: bool = False,
) -> None:
    """Writes an artefact and its manifest; nothing stands there until it is checked.

    Args:
        frame: The rows; those of a lazy frame are written as they come.
        path: A file that ends in `.parquet`; missing folders are made.
        schema: The contract.
        manifest: What made it.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ValueError: If the rows break the contract, or the file exists.
        OSError: If it cannot be written; nothing is left behind.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        msg = f"{path}: an artefact's name must end in .parquet. Choose another path."
        raise ValueError(msg)
    refuse_existing(path, overwrite)
    typed = conform(frame.lazy(), schema, str(path))
    with replacing(path) as data:
        typed.sink_parquet(data)
        check_rows(pl.scan_parquet(data), schema, str(path))
        text = manifest.to_json(schema)
        # An artefact may lack its manifest, but not have another's.
        manifest_path(path).unlink(missing_ok=True)
    with replacing(manifest_path(path)) as note:
        note.write_text(text, "utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary file beside a path, which becomes the path if all goes well.

    Args:
        path: The final name; missing folders are made.

    Raises:
        OSError: If the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        # Polars gives a full disk no class of its own.
        if not isinstance(error, OSError) and "os error" not in str(error):
            raise
        msg = (
            f"{path}: cannot be written ({error}). Free space, or choose a folder that "
            f"you may write to."
        )
        raise OSError(msg) from error
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)
