"""Finds a collection's corpus, queries and qrels in what the user names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dr_lightning.sources import hubs
from dr_lightning.sources.files import SUFFIXES, file_table, parquet_table
from dr_lightning.sources.table import Table

_IR = "ir_datasets:"
_HF = "hf:"


@dataclass(frozen=True)
class Split:
    """Queries, and which passages are relevant to them.

    Args:
        queries: May hold the queries of other splits too.
        qrels: The judgements of this split; None = there are none.
    """

    queries: Table
    qrels: Table | None = None


@dataclass(frozen=True)
class Collection:
    """The tables of a collection.

    Args:
        corpus: The passages.
        splits: Queries and qrels by the split's name; "" where it has none.
    """

    corpus: Table
    splits: Mapping[str, Split]


def open_collection(
    source: str,
    queries: str | None = None,
    qrels: str | None = None,
    splits: list[str] | None = None,
) -> Collection:
    """Finds the tables of a collection; no rows are read yet.

    Args:
        source: A folder in BEIR layout, a file or data set with the corpus alone, or
            `ir_datasets:ID`.
        queries: A file or data set; null = those of the source.
        qrels: A file, a folder of `<split>.tsv` files or a data set; null = those of
            the source.
        splits: Names of the splits to take; null = all.

    Raises:
        ValueError: If something is missing, or not what it should be.
    """
    if source.startswith(_IR):
        return _ir_collection(source.removeprefix(_IR), queries, qrels, splits)
    folder = Path(source)
    corpus = source
    if found := _member(folder, "corpus"):
        corpus = found
        queries = queries or _member(folder, "queries")
        qrels = qrels or _member(folder, "qrels")
    if queries is None:
        if qrels is not None or splits:
            msg = f"{source}: there are no queries for the qrels. Give --queries."
            raise ValueError(msg)
        return Collection(_one(corpus), {})
    asked = _one(queries)
    if qrels is None:
        found_splits = {"": Split(asked)}
    else:
        found_splits = {name: Split(asked, t) for name, t in _tables(qrels).items()}
    return Collection(_one(corpus), _choose(found_splits, splits, qrels or queries))


def _ir_collection(
    name: str, queries: str | None, qrels: str | None, splits: list[str] | None
) -> Collection:
    if queries is not None or qrels is not None:
        msg = f"{_IR}{name} brings its own queries and qrels. Leave those options out."
        raise ValueError(msg)
    parts = {split: f"{name}/{split}" for split in splits} if splits else {"": name}
    tables = {split: hubs.ir_tables(part) for split, part in parts.items()}
    first = next(iter(tables.values()))
    if "corpus" not in first:
        msg = f"{_IR}{name} has no documents. Give the id of a collection that has."
        raise ValueError(msg)
    found = {
        split: Split(table["queries"], table.get("qrels"))
        for split, table in tables.items()
        if "queries" in table
    }
    return Collection(first["corpus"], found)


def _member(folder: Path, name: str) -> str | None:
    """A folder's table of a name, or its subfolder of that name, such as `qrels`."""
    candidates = [folder / name]
    for suffix in SUFFIXES:
        candidates += [folder / f"{name}{suffix}", folder / f"{name}{suffix}.gz"]
    found = [path for path in candidates if path.exists()] if folder.is_dir() else []
    if len(found) > 1:
        msg = (
            f"{folder}: has {found[0].name} and {found[1].name}. Keep one, or give "
            f"corpus, queries and qrels as files."
        )
        raise ValueError(msg)
    return str(found[0]) if found else None


def _tables(source: str) -> dict[str, Table]:
    """The tables of a file, folder or data set by split, "" where it has none."""
    if source.startswith(_HF):
        return hubs.hub_tables(source.removeprefix(_HF))
    path = Path(source)
    if not path.is_dir():
        return {"": file_table(path)}
    if hubs.is_saved(path):
        return hubs.saved_tables(path)
    files = sorted(
        file
        for file in path.iterdir()
        if file.name.removesuffix(".gz").endswith(SUFFIXES) and file.name[0] != "."
    )
    if not files:
        msg = (
            f"{path}: has no corpus file and no tables. Give a folder with "
            f"corpus.jsonl (queries.jsonl, qrels/), a file that ends in one of "
            f"{', '.join(SUFFIXES)}, a saved data set, hf:NAME or ir_datasets:ID."
        )
        raise ValueError(msg)
    return {file.name.split(".")[0]: file_table(file) for file in files}


def _one(source: str) -> Table:
    path = Path(source)
    if path.is_dir() and any(path.glob("[!.]*.parquet")) and not hubs.is_saved(path):
        return parquet_table(path)
    tables = _tables(source)
    if len(tables) > 1:
        msg = (
            f"{source}: has {', '.join(tables)}, but one table is wanted. Name it: a "
            f"file, or hf:NAME:CONFIG:SPLIT."
        )
        raise ValueError(msg)
    return next(iter(tables.values()))


def _choose(
    found: dict[str, Split], splits: list[str] | None, where: str
) -> dict[str, Split]:
    if splits is None:
        return found
    for name in splits:
        if name not in found:
            msg = (
                f"{where}: has no split {name!r}; found "
                f"{', '.join(filter(None, found)) or 'none'}. Leave --splits out to "
                f"take all there is."
            )
            raise ValueError(msg)
    return {name: found[name] for name in splits}
