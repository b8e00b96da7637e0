"""Cuts queries and training lists for the tables of findings; `lists.mk` calls it."""

from pathlib import Path

import polars as pl
from jsonargparse import auto_cli


def sample(file: Path, rows: int, out: Path) -> None:
    """Some rows of a file of queries, drawn with seed 0.

    Args:
        file: Queries.
        rows: How many.
        out: The file to write.
    """
    pl.read_parquet(file).sample(rows, seed=0).sort("query_id").write_parquet(out)


def kept_queries(queries: Path, lists: Path, out: Path) -> None:
    """The queries that have a training list, those for dev among them.

    Args:
        queries: All queries.
        lists: Folder of `curate`.
        out: The file to write.
    """
    parts = [pl.read_parquet(lists / f"{part}.parquet") for part in ("train", "dev")]
    kept = pl.read_parquet(queries).join(pl.concat(parts), "query_id", "semi")
    kept.write_parquet(out)


def halves(human: Path, synthetic: Path, rows: int, out: Path) -> None:
    """As many lists of human queries as of synthetic ones, and both together.

    Args:
        human: Folder of `curate` of human queries.
        synthetic: The same of synthetic ones.
        rows: Train lists of each; of dev lists all are taken.
        out: Gets `lists_human`, `lists_synthetic` and `lists_both`.
    """
    for part in ("dev", "train"):
        lists = {
            name: pl.read_parquet(folder / f"{part}.parquet")
            for name, folder in {"human": human, "synthetic": synthetic}.items()
        }
        if part == "train":
            lists = {name: own.sample(rows, seed=0) for name, own in lists.items()}
        lists["both"] = pl.concat([lists["human"], lists["synthetic"]])
        for name, own in lists.items():
            folder = out / f"lists_{name}"
            folder.mkdir(exist_ok=True)
            own.write_parquet(folder / f"{part}.parquet")


def types(lists: Path, queries: Path, out: Path) -> None:
    """As many lists of each query type, and of a type drawn at random for each passage.

    Args:
        lists: Train lists.
        queries: Their queries with `source_passage_id`, those dropped among them.
        out: Gets a file a type, `mixed.parquet`, and `one_a_passage.parquet`: all lists
            that `mixed` is drawn from.
    """
    whole = pl.read_parquet(lists)
    shuffled = pl.read_parquet(queries).sample(fraction=1, shuffle=True, seed=0)
    drawn = shuffled.unique("source_passage_id", keep="first", maintain_order=True)
    alone = {str(kind): own for (kind,), own in whole.group_by("query_type")}
    alone["mixed"] = whole.join(drawn, "query_id", "semi")
    size = min(map(len, alone.values()))
    out.mkdir(exist_ok=True)
    for kind, own in alone.items():
        equal = own.sort("query_id").sample(size, seed=0)
        equal.write_parquet(out / f"{kind}.parquet")
    alone["mixed"].write_parquet(out / "one_a_passage.parquet")


if __name__ == "__main__":
    auto_cli([sample, kept_queries, halves, types], as_positional=False)
