"""`ingest`: a collection of any usual format becomes corpus, queries and qrels."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from dr_lightning import artefacts, schemas
from dr_lightning.sources import Collection, Fields, open_collection
from dr_lightning.sources.reading import (
    Read,
    only_judged,
    read_corpus,
    read_qrels,
    read_queries,
)

logger = logging.getLogger(__name__)

SCHEMAS = {
    "corpus.parquet": schemas.CORPUS,
    "queries.parquet": schemas.QUERIES,
    "qrels.parquet": schemas.QRELS,
}
GUESS = Fields()
"""The usual names of fields."""


def ingest(
    source: str | Path,
    out: Path,
    queries: str | Path | None = None,
    qrels: str | Path | None = None,
    splits: list[str] | None = None,
    fields: Fields = GUESS,
    max_characters: int | None = 2048,
    overwrite: bool = False,
) -> None:
    """Turn a collection into corpus, queries and qrels.

    Writes OUT/corpus.parquet and, where there are queries, OUT/queries.parquet and
    OUT/qrels.parquet; where these come in splits, each split has a folder of its own:
    OUT/train/queries.parquet, OUT/train/qrels.parquet, OUT/test/...

    Texts are cleaned here once: newlines, tabs and other control characters become
    spaces, both ends are stripped, long texts are cut. What is dropped is counted in
    the manifests: passages without title and text, queries without text or judgement,
    rows that repeat another in full, judgements of unknown queries. Judgements of
    passages that are not in the corpus stay, since recall would rise without them.

    Args:
        source: A folder in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv), a
            file or folder of passages (.jsonl, .csv, .tsv, also .gz; .parquet), a
            saved data set, hf:NAME:CONFIG:SPLIT, or ir_datasets:ID.
        out: Folder to write.
        queries: File or data set of queries; null = those of the source.
        qrels: File, folder of files named by split, or data set of judgements; null =
            those of the source.
        splits: Names of the splits to take, as [train, test]; null = all. With
            ir_datasets, parts of the id: ID/train, ID/test.
        fields: Names of the source's fields, where they are not the usual ones.
        max_characters: Longer titles and texts are cut here; null = never.
        overwrite: Replace what is there.

    Raises:
        ValueError: If the source is missing, empty or broken, two rows of one id
            differ, ids do not match, or an output exists and `overwrite` is false.
        OSError: If `out` cannot be written to.
    """
    if max_characters is not None and max_characters < 1:
        msg = f"max_characters must be at least 1 or null, but got {max_characters}."
        raise ValueError(msg)
    started = time.monotonic()
    collection = open_collection(str(source), _text(queries), _text(qrels), splits)
    for path in _paths(collection, out):
        artefacts.refuse_existing(path, overwrite)
    settings = {
        "source": str(source),
        "queries": _text(queries),
        "qrels": _text(qrels),
        "fields": asdict(fields),
        "max_characters": max_characters,
    }
    out.mkdir(parents=True, exist_ok=True)
    # All is read and checked before anything is written.
    with TemporaryDirectory(prefix=".ingest-", dir=out) as folder:
        parts = _read(collection, out, fields, max_characters, Path(folder))
        for path, read in parts.items():
            manifest = artefacts.Manifest(
                stage="ingest",
                settings=settings,
                inputs={} if read.table.path is None else {"source": read.table.path},
                counts=read.counts,
                dropped=read.dropped,
                started=started,
            )
            schema = SCHEMAS[path.name]
            rows = read.rows.select(*schema.columns)
            artefacts.write(rows, path, schema, manifest, overwrite)
    _log(parts, out)


def _paths(collection: Collection, out: Path) -> list[Path]:
    paths = [out / "corpus.parquet"]
    for name, split in collection.splits.items():
        paths.append(out / name / "queries.parquet")
        if split.qrels is not None:
            paths.append(out / name / "qrels.parquet")
    return paths


def _read(
    collection: Collection,
    out: Path,
    fields: Fields,
    max_characters: int | None,
    spool: Path,
) -> dict[Path, Read]:
    corpus = read_corpus(collection.corpus, fields, max_characters, spool)
    parts = {out / "corpus.parquet": corpus}
    for name, split in collection.splits.items():
        queries = read_queries(split.queries, fields, max_characters)
        if split.qrels is not None:
            qrels = read_qrels(split.qrels, fields, queries, corpus)
            queries = only_judged(queries, qrels)
            parts[out / name / "qrels.parquet"] = qrels
        parts[out / name / "queries.parquet"] = queries
    return parts


def _log(parts: Mapping[Path, Read], out: Path) -> None:
    told = []
    for path, read in parts.items():
        name = path.relative_to(out).with_suffix("").as_posix()
        amounts = read.dropped | {
            what: number
            for what, number in read.counts.items()
            if what not in {"read", "written"}
        }
        reasons = [f"{number:,} {why}" for why, number in amounts.items() if number]
        text = f"{name} {read.counts['read']:,} -> {read.written:,}"
        told.append(text + (f" ({', '.join(reasons)})" if reasons else ""))
    logger.info("ingest: %s -> %s", "; ".join(told), out)


def _text(value: str | Path | None) -> str | None:
    return None if value is None else str(value)
