"""`evaluate`: encoders and runs side by side on one collection."""

import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from dr_lightning import artefacts, schemas, trec
from dr_lightning.analysis.significance import paired, signs
from dr_lightning.data.collections import Collection, LoadedCollection, load_collection
from dr_lightning.inputs import read_judged, read_run
from dr_lightning.metrics import evaluate_run, means
from dr_lightning.metrics.retrieval import parse_measures
from dr_lightning.models.encoder import Encoder, Loading
from dr_lightning.models.weights import check_there
from dr_lightning.retrieval import Encoding, Retriever, run_frame
from dr_lightning.search import ExactSearch, Search, described
from dr_lightning.texts import PASSAGE_TEMPLATE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class System:
    """What is compared: a name and its run.

    Args:
        name: Heads a row of the table.
        source: {"models": place} or {"runs": place}, the option that names it.
        reading: How a model read the collection: options that were given, null = the
            default; empty for a run.
        run: Ranked passages of each query.
        per_query: The measures of each judged query.
    """

    name: str
    source: dict[str, str]
    reading: dict[str, Any]
    run: pl.DataFrame
    per_query: pl.DataFrame


def evaluate(
    collection: Collection,
    models: list[str] | None = None,
    runs: list[str] | None = None,
    out: Path | None = None,
    measures: list[str] | None = None,
    template: str = PASSAGE_TEMPLATE,
    encoding: Encoding | None = None,
    search: Search | None = None,
    loading: Loading | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Compare encoders on a collection, side by side.

    The whole corpus is searched. The first system is the base that the others are
    compared with, query by query.

    Args:
        collection: Name, corpus, queries and qrels.
        models: Model folders, hub names or `package:NAME/FOLDER`; the base first.
            `fitted=FOLDER` heads the row with "fitted".
        runs: Run files to judge too, parquet or TREC, and files of teacher scores, for
            the teacher's ranking; `name=FILE` too.
        out: Folder for runs, per-query values and `metrics.json`; null = only show.
        measures: nDCG@k, R@k, RR@k, AP, P@k, Success@k; null = nDCG@10, R@100, RR@10.
        template: Joins title and text.
        encoding: Device, precision, tokens at once.
        search: What searches; exact by default.
        loading: How each model is loaded; `--loading.trust_remote_code true` for those
            that bring code.
        cache: Folder of token stores; null = the user's cache folder.
        overwrite: Whether existing files may be replaced.

    Raises:
        ValueError: If there is nothing to evaluate, an option or a file is wrong, or
            `out` has an evaluation and `overwrite` is false.
    """
    names = measures or ["nDCG@10", "R@100", "RR@10"]
    parse_measures(names)
    _check_names([*(models or []), *(runs or [])])
    if out is not None:
        _check_out(out, len(models or []) + len(runs or []), overwrite)
    asked = artefacts.read(collection.queries, schemas.QUERIES)
    qrels, unasked = read_judged(collection.qrels, asked)
    if unasked:
        logger.info(
            "evaluate: left out %d judged queries, which are not asked", unasked
        )
    # What is wrong with a later system shows before the first one searches.
    given = [
        (name, file, read_run(Path(file))) for name, file in map(_named, runs or [])
    ]
    for _, model in map(_named, models or []):
        check_there(model, None if loading is None else loading.revision)
    systems = []
    reading = {
        "template": template,
        "encoding": None if encoding is None else asdict(encoding),
        "search": None if search is None else described(search),
        "loading": None if loading is None else asdict(loading),
    }
    for name, model in map(_named, models or []):
        encoder = Encoder(model, loading=loading)
        loaded = load_collection(collection, encoder.tokenization, template, cache)
        retriever = Retriever(encoder, encoding or Encoding(), search or ExactSearch())
        found = _run(loaded, retriever)
        values = evaluate_run(found, qrels, names, collection.drop_identical)
        systems.append(System(name, {"models": model}, reading, found, values))
    for name, file, found in given:
        values = evaluate_run(found, qrels, names, collection.drop_identical)
        systems.append(System(name, {"runs": file}, {}, found, values))
    Console(file=sys.stdout).print(comparison(systems, names, collection.name))
    if out is not None:
        _write(systems, collection, names, out, overwrite)


def _named(text: str) -> tuple[str, str]:
    """The name and the place of `name=place`; a place alone is its own name."""
    name, separator, place = text.partition("=")
    return (name, place) if separator else (text, text)


def _check_names(systems: list[str]) -> None:
    if not systems:
        msg = "nothing to evaluate: give --models DIR or --runs FILE, or both."
        raise ValueError(msg)
    names = [name for name, _ in map(_named, systems)]
    if twice := [name for name in names if names.count(name) > 1]:
        msg = (
            f"several systems are called {twice[0]!r}, and metrics.json tells them "
            "apart by name. Give each another one, as NAME=PLACE."
        )
        raise ValueError(msg)


def _check_out(out: Path, systems: int, overwrite: bool) -> None:
    if out.is_file():
        msg = f"out must be a folder, but {out} is a file. Choose another path."
        raise ValueError(msg)
    runs = [f"run-{number}.parquet" for number in range(systems)]
    for name in (*runs, "metrics.json"):
        artefacts.refuse_existing(out / name, overwrite)


def _run(loaded: LoadedCollection, retriever: Retriever) -> pl.DataFrame:
    retriever.index(loaded.passage)
    top = retriever.top(loaded.query, 1000)
    return run_frame(loaded.query_id, loaded.passage_id, top)


def comparison(systems: list[System], measures: list[str], title: str) -> Table:
    """A table of means, with how many queries gained and lost against the first.

    Args:
        systems: The base first.
        measures: Columns; queries are gained and lost by the first.
        title: Heads the table.
    """
    queries = len(systems[0].per_query)
    table = Table(title=f"{title}: {queries} judged queries", title_justify="left")
    table.add_column("system", overflow="fold")
    for measure in measures:
        table.add_column(measure, justify="right")
    table.add_column("gained / same / lost", justify="right")
    base = means(systems[0].per_query)
    for system in systems:
        values = means(system.per_query)
        cells = [
            f"{values[m]:.4f}"
            + (f" ({values[m] - base[m]:+.4f})" if system is not systems[0] else "")
            for m in measures
        ]
        counts = (
            "" if system is systems[0] else _gained(systems[0], system, measures[0])
        )
        table.add_row(system.name, *cells, counts)
    return table


def _gained(base: System, system: System, measure: str) -> str:
    counts = signs(paired(base.per_query, system.per_query, measure))
    return " / ".join(map(str, counts))


def _write(
    systems: list[System],
    collection: Collection,
    measures: list[str],
    out: Path,
    overwrite: bool,
) -> None:
    values = {}
    for number, system in enumerate(systems):
        path = out / f"run-{number}.parquet"
        manifest = artefacts.Manifest(
            stage="evaluate",
            settings={
                "system": system.name,
                "source": system.source,
                "measures": measures,
                "collection": asdict(collection),
            }
            | system.reading,
            inputs=collection.files,
            counts={"queries": len(system.run)},
            extra=means(system.per_query),
        )
        artefacts.write(system.run, path, schemas.RUN, manifest, overwrite)
        trec.write_beside(system.run, path, tag=f"run-{number}")
        with artefacts.replacing(out / f"run-{number}.per_query.parquet") as file:
            system.per_query.write_parquet(file)
        values[system.name] = {"run": path.name, **means(system.per_query)}
    text = json.dumps({"collection": collection.name, "systems": values}, indent=2)
    (out / "metrics.json").write_text(text + "\n", "utf-8")
    logger.info("evaluate: %d systems -> %s", len(systems), out)
