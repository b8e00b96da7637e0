"""The texts and judgements of a collection, where its files are still there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.analysis.judged import Judged
from dr_lightning.analysis.run import Run, section
from dr_lightning.texts import passage_text

_SCHEMAS = {
    "corpus": schemas.CORPUS,
    "queries": schemas.QUERIES,
    "qrels": schemas.QRELS,
}


@dataclass(frozen=True)
class CollectionFiles:
    """Lazy views of a collection's files; empty ones where a file is gone.

    Args:
        corpus: passage_id, title, text.
        queries: query_id, text, query_type, source_passage_id.
        qrels: query_id, passage_id, relevance.
        notes: A line on what is gone.
    """

    corpus: pl.LazyFrame = field(default_factory=lambda: _empty("corpus"))
    queries: pl.LazyFrame = field(default_factory=lambda: _empty("queries"))
    qrels: pl.LazyFrame = field(default_factory=lambda: _empty("qrels"))
    notes: tuple[str, ...] = ()

    def passages(self, ids: Sequence[str]) -> dict[str, str]:
        """Texts of passages, with their titles; without those that are not there.

        Args:
            ids: Of the passages.
        """
        wanted = pl.col("passage_id").is_in(list(ids))
        found = self.corpus.filter(wanted).select("passage_id", passage_text())
        return dict(found.collect().iter_rows())


def _empty(name: str) -> pl.LazyFrame:
    return pl.LazyFrame(schema=dict(_SCHEMAS[name].columns))


def collection_files(judged: Sequence[Judged], collection: str) -> CollectionFiles:
    """Finds the files that a collection's rankings were judged with.

    Args:
        judged: Rankings; their manifests, or the configs of their runs, name files.
        collection: The collection.
    """
    named = {
        name: path
        for one in judged
        if one.collection == collection
        for name, path in _named(one).items()
    }
    found: dict[str, pl.LazyFrame] = {}
    gone = []
    for name, schema in _SCHEMAS.items():
        try:
            found[name] = artefacts.scan(Path(named[name]), schema)
        except KeyError:
            gone.append(f"{name} (not named)")
        except ValueError:
            gone.append(f"{name} ({named[name]})")
    notes = (f"{collection}: without the texts of {', '.join(gone)}.",) if gone else ()
    return CollectionFiles(notes=notes, **found)


def _named(one: Judged) -> dict[str, str]:
    """Paths as they were given, hence from the folder in which the command ran."""
    told = section(one.manifest, "settings", "collection")
    if not told and one.file.parent.parent.name == "retrieval":
        config = Run(one.file.parents[2]).config
        sources = section(config, "data", "init_args", "collections")
        every = [x for several in sources.values() for x in several or []]
        told = next((x for x in every if x.get("name") == one.file.stem), {})
    return {name: told[name] for name in _SCHEMAS if name in told}
