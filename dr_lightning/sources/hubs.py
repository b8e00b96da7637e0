"""Tables of data sets from the packages `datasets` and `ir_datasets`."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from dr_lightning.sources.table import Record, Table, record_table

_BATCH = 1_000


def _import(package: str) -> ModuleType:
    try:
        return import_module(package)
    except ImportError as error:
        msg = (
            f"the package {package} is missing ({error}). Install it with "
            f"pip install 'dr-lightning[ingest]'."
        )
        raise ValueError(msg) from error


def is_saved(path: Path) -> bool:
    """Whether a folder is one that `datasets` saved.

    Args:
        path: A folder.
    """
    return any((path / name).is_file() for name in ("dataset_dict.json", "state.json"))


def saved_tables(path: Path) -> dict[str, Table]:
    """The tables of a data set that was saved to disk, by split; "" if it has none.

    Args:
        path: The folder.
    """
    return _by_split(_import("datasets").load_from_disk(str(path)), str(path), path)


def hub_tables(address: str) -> dict[str, Table]:
    """The tables of a data set that is named, by split; "" if one split is named.

    Args:
        address: `NAME`, `NAME:CONFIG` or `NAME:CONFIG:SPLIT`; CONFIG may be empty.

    Raises:
        ValueError: If the address has other parts, or `datasets` is missing.
    """
    name, *rest = address.split(":")
    if not name or len(rest) > 2:
        msg = (
            f"hf:{address}: a data set is named by hf:NAME, hf:NAME:CONFIG or "
            f"hf:NAME:CONFIG:SPLIT. Leave CONFIG empty where it has none."
        )
        raise ValueError(msg)
    config, split = (part or None for part in (*rest, "", "")[:2])
    loaded = _import("datasets").load_dataset(name, config, split=split)
    return _by_split(loaded, f"hf:{address}", None)


def _by_split(loaded: Any, where: str, path: Path | None) -> dict[str, Table]:
    if not isinstance(loaded, dict):
        return {"": _dataset_table(loaded, where, path)}
    return {
        split: _dataset_table(part, f"{where}[{split}]", path)
        for split, part in loaded.items()
    }


def _dataset_table(dataset: Any, where: str, path: Path | None) -> Table:
    def records() -> Iterator[Record]:
        row = 0
        for batch in dataset.iter(_BATCH):
            for values in zip(*batch.values(), strict=True):
                row += 1
                yield row, dict(zip(batch, values, strict=True))

    return record_table(where, dataset.column_names, records, path)


def ir_tables(identifier: str) -> dict[str, Table]:
    """The tables corpus, queries and qrels of an `ir_datasets` id, those that it has.

    Args:
        identifier: As in the package's catalogue, such as `beir/scifact/test`.

    Raises:
        ValueError: If there is no such id, or `ir_datasets` is missing.
    """
    try:
        dataset = _import("ir_datasets").load(identifier)
    except KeyError as error:
        msg = f"ir_datasets has no {identifier!r}. Its catalogue lists the ids."
        raise ValueError(msg) from error
    tables = {}
    for name, part in (("corpus", "docs"), ("queries", "queries"), ("qrels", "qrels")):
        if getattr(dataset, f"has_{part}")():
            tables[name] = _ir_table(dataset, part, f"ir_datasets:{identifier} {part}")
    return tables


def _ir_table(dataset: Any, part: str, where: str) -> Table:
    def records() -> Iterator[Record]:
        for row, record in enumerate(getattr(dataset, f"{part}_iter")(), 1):
            yield row, record._asdict()

    fields = getattr(dataset, f"{part}_cls")()._fields
    return record_table(where, list(fields), records)
