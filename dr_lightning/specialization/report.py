"""The report of a run: is it better, what was made, what was dropped, what it cost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning.analysis.markdown_text import plain
from dr_lightning.analysis.significance import describe, paired, randomisation
from dr_lightning.analysis.table import markdown
from dr_lightning.analysis.tables import changes, interval
from dr_lightning.artefacts import read_manifest, replacing
from dr_lightning.inputs import read_queries
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.steps import build, layout_of, names
from dr_lightning.steps.records import Record

SAMPLES = 10
"""Queries of each type that the report shows."""
SYNTHETIC = (
    "There are no judged queries: these are the synthetic dev queries, whose one "
    "relevant passage is the one that each was written for. They tell whether the "
    "model learnt what it was taught, not whether people are served better: on "
    "Cranfield, queries that rules wrote rose while those that people judged fell "
    "(docs/cranfield.md). Give `test` queries and qrels to find out."
)


def write_report(settings: Settings) -> str:
    """Writes the report beside the student's artefacts.

    Args:
        settings: What `options.read` gave; all steps are finished.

    Returns:
        Whether the judged queries show a difference, in a sentence; empty without them.
    """
    layout = layout_of(settings)
    folder = layout.evaluation / "comparison"
    found = json.loads((folder / "metrics.json").read_text("utf-8"))
    runs = {name: folder / one["run"] for name, one in found["systems"].items()}
    values = {name: _per_query(run) for name, run in runs.items()}
    told = "" if settings["test"] is None else verdict(values)
    sections = [
        [f"# {layout.student} on {Path(settings['corpus']).name}", ""],
        _comparison(found, values, settings["test"], told),
        _stages(settings, layout),
        _types(layout),
        _samples(layout),
        ["## Use it", "", f"The retriever lies in `{layout.model}`.", ""],
    ]
    text = "\n".join(line for section in sections for line in section)
    with replacing(layout.report) as file:
        file.write_text(text, "utf-8")
    return told


def _comparison(
    found: dict[str, Any],
    values: dict[str, pl.DataFrame],
    test: dict[str, Any] | None,
    told: str,
) -> Iterator[str]:
    systems: dict[str, dict[str, Any]] = found["systems"]
    base = values["base"]
    measures = [name for name in base.columns if name != "query_id"]
    yield f"## Is it better? ({len(base):,} {found['collection']})"
    yield from ("", SYNTHETIC if test is None else f"**{told}**", "")
    first = measures[0]
    titles = [*measures, f"{first}: difference (95%)", "p", "gained / same / lost"]
    rows = []
    for name, frame in values.items():
        cells = [f"{systems[name][measure]:.4f}" for measure in measures]
        if frame is base or len(base) < 2:
            rows.append([name, *cells, "", "", ""])
            continue
        differences = paired(base, frame, first)
        change, p = describe(differences), randomisation(differences)
        rows.append([name, *cells, interval(change), f"{p:.3g}", changes(change)])
    yield from markdown(["system", *titles], rows)
    yield from ("", "Interval: bootstrap over queries. p: paired randomisation test.")
    if test is not None and "teacher" in systems:
        several = any(name.startswith("teacher_") for name in systems)
        yield (
            f"A teacher re-ranks the base's first {test['teacher_depth']} passages "
            "and has no others: measures that look deeper say little of it. "
            + (
                "What taught is the mean of several, which is not in the table."
                if several
                else "It bounds the student."
            )
        )
    yield ""


def verdict(systems: dict[str, pl.DataFrame]) -> str:
    """What the comparison means for who has to choose, in a sentence.

    Args:
        systems: Values of each query, of `base` and `specialised`: query_id and the
            measures; the first one decides.
    """
    base = systems["base"]
    measure = next(name for name in base.columns if name != "query_id")
    if len(base) < 2:
        return "A single query tells nothing."
    change = describe(paired(base, systems["specialised"], measure))
    queries = change.gained + change.same + change.lost
    if change.low > 0:
        return f"Better than the base in {measure}: {interval(change)}."
    if change.high < 0:
        return (
            f"Worse than the base in {measure}: {interval(change)}. Keep the base, and "
            "see what to look at when it did not help, in docs/your_own_corpus.md."
        )
    return (
        f"No difference from the base in {measure} that {queries:,} queries can tell "
        f"from chance: {interval(change)}. They would show one of "
        f"{change.detectable:.3f} with a probability of 80%."
    )


def _per_query(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run.with_suffix(".per_query.parquet"))


def _stages(settings: Settings, layout: Layout) -> Iterator[str]:
    yield from ("## What was made", "")
    rows = []
    for name in names(settings):
        step = build(name, settings)
        record = Record.load(layout.steps(step.shared) / f"{name}.json")
        manifest = read_manifest(step.products[0])
        counts = _told(manifest.get("counts", {}))
        if name == "fit":
            counts = _training(layout)
        dropped = _told(manifest.get("dropped", {}))
        seconds = 0.0 if record is None else record.seconds
        rows.append([name, counts, dropped, f"{seconds:,.0f}"])
    yield from markdown(["step", "counts", "dropped", "seconds"], rows, texts=3)
    yield from (
        "",
        f"Each step's YAML lies in `{layout.work}/steps` and `{layout.own}/steps`.",
        "",
    )


def _training(layout: Layout) -> str:
    """Steps of the training run, and which of them was selected; 0 is the base."""
    run = json.loads((layout.run / "run.json").read_text("utf-8"))
    evaluations = run["evaluations"]
    last = evaluations[-1]["step"] if evaluations else 0
    return f"{last:,} optimizer steps, step {run['selected_step']} selected"


def _types(layout: Layout) -> Iterator[str]:
    curated = read_manifest(layout.lists / "train.parquet")
    types: dict[str, dict[str, Any]] = curated["extra"]["query_types"]
    yield from ("## Query types", "")
    rows = [
        [name, f"{one['queries']:,}", f"{one['lists']:,}", _told(one["dropped"])]
        for name, one in types.items()
    ]
    yield from markdown(["type", "queries", "lists", "dropped"], rows)
    yield ""


def _samples(layout: Layout) -> Iterator[str]:
    # Ids are hashes: in their order the first ones are drawn from the whole corpus, the
    # same each time.
    frame = read_queries(layout.queries).sort("query_id")
    yield from ("## Queries as they came out", "")
    for query_type in frame["query_type"].unique().sort():
        of_type = frame.filter(pl.col("query_type") == query_type)
        yield f"**{plain(query_type)}**"
        yield ""
        yield from (f"- {plain(text)}" for text in of_type["text"].head(SAMPLES))
        yield ""


def _told(counts: dict[str, Any]) -> str:
    return ", ".join(
        f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items() if value
    )
