"""The sections of a report: what `load` and `scores` gave, told part by part."""

from collections.abc import Mapping, Sequence

import polars as pl

from dr_lightning.analysis import plots, tables
from dr_lightning.analysis.agreement import agreements
from dr_lightning.analysis.changes import most_changed, per_query
from dr_lightning.analysis.collection_files import collection_files
from dr_lightning.analysis.comparison import Row, compare
from dr_lightning.analysis.family import Tested
from dr_lightning.analysis.groups import Group, by_length, by_type, grouped
from dr_lightning.analysis.results import Results
from dr_lightning.analysis.scores import Scores
from dr_lightning.analysis.section import Changed, Figure, Section
from dr_lightning.analysis.series import Plot, curves_of, training_plots
from dr_lightning.analysis.table import Table


def effectiveness(scores: Scores, claims: Sequence[Tested]) -> Section:
    """Every system beside its base, and the family of claims.

    Args:
        scores: What `scores` gave.
        claims: What `assess` gave.
    """
    rows = compare(scores)
    blocks: list[Table | Figure] = []
    for collection in dict.fromkeys(row.collection for row in rows):
        blocks.append(tables.effectiveness(scores, rows, collection))
        blocks += _intervals(rows, collection, scores)
    if claims:
        blocks.append(tables.family(claims, scores.measure))
    return Section(
        title="Is it better?",
        text=" ".join(tables.reading(scores, has_claims=bool(claims))),
        blocks=blocks,
    )


def _intervals(rows: Sequence[Row], collection: str, scores: Scores) -> list[Figure]:
    own = [
        (row.name, row.difference)
        for row in rows
        if row.collection == collection and row.difference is not None
    ]
    if not own:
        return []
    frame = pl.DataFrame([{"name": name, **d._asdict()} for name, d in own]).select(
        "name", "mean", "low", "high"
    )
    title = f"Difference from the base: {scores.label(collection)}"
    return [
        Figure(
            "Dot: mean over the queries. Line: 95% bootstrap interval. Right of the "
            "dashed line is better than the base.",
            lambda width: plots.intervals(frame, title, scores.measure, width),
        )
    ]


def queries(results: Results, scores: Scores) -> Section:
    """Which queries gained and lost, and what was found before and after.

    Args:
        results: What `load` gave.
        scores: What `scores` gave.
    """
    figures, changed = [], []
    notes: list[str] = []
    for collection in focus(scores):
        names = compared(scores, collection)
        files = collection_files(results.judged, collection)
        notes += files.notes
        if names:
            figures.append(_changes(scores, names, collection))
        for name in names:
            gained, lost = most_changed(scores, results.ends, files, name, collection)
            title = f"{name} on {scores.label(collection)}"
            changed.append(Changed(title, gained, lost))
    text = (
        f"The {scores.measure} of single queries under the base and under the system "
        "(mean over its seeds), with the first passages of both (of the first seed); "
        "a tick marks passages that were judged relevant."
    )
    return Section(
        title="Which queries gained, which lost?",
        text=" ".join([text, *notes]),
        blocks=figures,
        changed=changed,
    )


def _changes(scores: Scores, names: Sequence[str], collection: str) -> Figure:
    frame = pl.concat(
        per_query(scores, name, collection).select(pl.lit(name).alias("name"), "change")
        for name in names
    )
    return Figure(
        "Queries from most gained to most lost. Equal areas above and below the dashed "
        "line are no gain in the mean; steep ends say that a few queries make it.",
        lambda width: plots.changes(
            frame,
            f"Change of each query: {scores.label(collection)}",
            scores.measure,
            width,
        ),
    )


def groups(results: Results, scores: Scores) -> Section:
    """Gains by the type of the query and by its length.

    Args:
        results: What `load` gave.
        scores: What `scores` gave.
    """
    blocks: list[Table | Figure] = []
    for collection in focus(scores):
        files = collection_files(results.judged, collection)
        judged = scores.table.filter(pl.col("collection") == collection)["query_id"]
        for title, group in (
            ("query type", by_type(files, judged.unique())),
            ("length of the query", by_length(files, judged.unique())),
        ):
            if group["group"].n_unique() < 2:
                continue
            own = {
                name: grouped(scores, name, collection, group)
                for name in compared(scores, collection)
            }
            heading = f"By {title}: {scores.label(collection)}"
            blocks.append(tables.groups(own, heading, scores.measure))
            blocks += _grouped(own, heading, scores.measure, title)
    return Section(
        title="For which queries?",
        text=(
            "Gains of each group of queries. Groups are small and many: they tell "
            "where to look, not what holds."
        ),
        blocks=blocks,
    )


def _grouped(
    found: Mapping[str, Sequence[Group]], title: str, measure: str, kind: str
) -> list[Figure]:
    rows = [
        {"name": f"{group.label} ({group.queries})", "group": name, **d._asdict()}
        for name, several in found.items()
        for group in several
        if (d := group.difference) is not None
    ]
    if not rows:
        return []
    frame = pl.DataFrame(rows).select("name", "group", "mean", "low", "high")
    return [
        Figure(
            "As above, for each group, with its number of queries in brackets.",
            lambda width: plots.intervals(frame, title, measure, width, kind),
        )
    ]


def agreement(results: Results, scores: Scores) -> Section:
    """Rank correlation with the teacher, beside effectiveness.

    Args:
        results: What `load` gave.
        scores: What `scores` gave.
    """
    blocks: list[Table | Figure] = []
    for collection in scores.collections:
        own = agreements(scores, results.ends, collection)
        if own:
            label = scores.label(collection)
            blocks.append(tables.agreement(own, label, scores.measure))
            frame = pl.DataFrame(
                [{"name": one.name, "x": one.tau, "y": one.value} for one in own]
            )
            blocks.append(_scatter(frame, label, scores.measure))
    return Section(
        title="Does the student agree with the teacher?",
        blocks=blocks,
    )


def _scatter(frame: pl.DataFrame, collection: str, measure: str) -> Figure:
    return Figure(
        "A system that moves right and up learnt the teacher's order and is better for "
        "it; one that moves right alone learnt what does not help here.",
        lambda width: plots.scatter(
            frame,
            f"Agreement and effectiveness: {collection}",
            "Kendall's tau with the teacher (-1 to 1)",
            f"{measure} (0 to 1)",
            width,
        ),
    )


def training(results: Results, scores: Scores) -> Section:
    """What was logged over the steps.

    Args:
        results: What `load` gave.
        scores: What `scores` gave.
    """
    steps = results.steps.collect()
    keys = steps["key"].unique().to_list()
    figures = [
        _curves(curves_of(steps, plot, results.experiments), plot)
        for plot in training_plots(keys, scores.measure)
    ]
    return Section(title="How did the training go?", blocks=figures)


def _curves(frame: pl.DataFrame, plot: Plot) -> Figure:
    return Figure(
        plot.reading,
        lambda width: plots.curves(frame, plot.title, plot.unit, width),
    )


def focus(scores: Scores) -> list[str]:
    """The collections that are looked at closely: tests, else all there are.

    Args:
        scores: What `scores` gave.
    """
    return scores.tests or scores.collections


def compared(scores: Scores, collection: str) -> list[str]:
    """Systems that are looked at closely: not bases, teachers, nor last checkpoints.

    The last checkpoint is looked at where there is no selected one.

    Args:
        scores: What `scores` gave.
        collection: The collection.
    """
    here = scores.table.filter(
        pl.col("collection") == collection, pl.col("checkpoint") != "teacher"
    )
    names = here["name"].unique(maintain_order=True).to_list()
    return [
        name
        for name in names
        if scores.base(name, collection) in {*names} - {name}
        and f"{name.removesuffix(' last')} selected" not in {*names} - {name}
    ]
