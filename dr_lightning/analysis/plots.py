"""Charts from frames, for the report and for notebooks; needs the extra `report`.

Nothing is styled here but colours that read on light and on dark ground.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

WIDTH = 620
"""Default width of a chart, pixels."""
COLOURS = [
    "#3b82c4",
    "#d9731a",
    "#2a9d6f",
    "#b565a7",
    "#94821f",
    "#c94f4f",
    "#4aa3a2",
    "#7a7f87",
    "#8166cc",
    "#5a8f2e",
    "#d0639a",
    "#a9704a",
]
_QUIET = COLOURS[7]
# Of the second and the third dozen, whose colours are those of the first.
_DASHES = [[1, 0], [6, 3], [2, 2]]
_SHAPES = ["circle", "diamond", "triangle-up"]
_ROW = 40
_OFFSET = 10
_POINTS = 300


def intervals(
    frame: pl.DataFrame,
    title: str,
    measure: str,
    width: int = WIDTH,
    kind: str = "system",
) -> alt.LayerChart:
    """Differences with their 95% intervals, a row each, and a line at 0.

    Args:
        frame: name, mean, low, high, and optionally group (colours the rows).
        title: Of the chart.
        measure: What differs.
        width: Of the chart, pixels.
        kind: What a row is.
    """
    rows = frame["name"].unique(maintain_order=True).to_list()
    y = alt.Y(
        "name:N",
        title=kind,
        sort=rows,
        axis=alt.Axis(labels=False, ticks=False, domain=False, titlePadding=8),
        scale=alt.Scale(paddingOuter=0.3),
    )
    base, height = alt.Chart(frame), _ROW * len(rows)
    colour: alt.Color | alt.Value[str] = alt.value(COLOURS[0])
    shape: list[alt.Shape] = []
    offset = alt.YOffset()
    if "group" in frame.columns:
        groups = frame["group"].unique(maintain_order=True).to_list()
        colour, shape = _colour("group", groups), _shape("group", groups)
        offset = alt.YOffset("group:N", sort=groups)
        height += _OFFSET * len(rows) * (len(groups) - 1)
    bars = base.mark_rule(strokeWidth=2).encode(
        alt.X(
            "low:Q",
            title=f"difference in {measure} (95% interval)",
            axis=alt.Axis(format="+.3~f", tickCount=width // 70),
        ),
        alt.X2("high:Q"),
        y,
        offset,
        color=colour,
    )
    points = base.mark_point(filled=True, size=60, opacity=1)
    points = points.encode(alt.X("mean:Q"), y, offset, *shape, color=colour)
    # Names stand above their rows: beside them they would take a phone's width.
    names = alt.Chart(pl.DataFrame({"name": rows})).mark_text(align="left")
    names = names.encode(y, x=alt.value(0), text="name:N")
    names.mark.dy = -_ROW / 2 - (height / len(rows) - _ROW) / 2 + 9
    return _layered([_zero("x"), bars, points, names], title, width, height)


def changes(
    frame: pl.DataFrame, title: str, measure: str, width: int = WIDTH
) -> alt.LayerChart:
    """Change of each query, from most gained to most lost, a line a system.

    Args:
        frame: name, change.
        title: Of the chart.
        measure: What changed.
        width: Of the chart, pixels.
    """
    names = frame["name"].unique(maintain_order=True).to_list()
    ordered = frame.with_columns(
        share=pl.col("change").rank("ordinal", descending=True).over("name")
        / pl.len().over("name")
    )
    lines = (
        alt.Chart(ordered.sort("name", "share"))
        .mark_line(interpolate="step-before", strokeWidth=1.8)
        .encode(
            alt.X(
                "share:Q",
                title="share of the queries",
                axis=alt.Axis(format="%", tickCount=width // 60),
            ),
            alt.Y("change:Q", title=f"change of {measure}"),
            *_dash("name", names),
            color=_colour("name", names),
        )
    )
    return _layered([_zero("y"), lines], title, width, 220)


def curves(
    frame: pl.DataFrame, title: str, unit: str, width: int = WIDTH
) -> alt.LayerChart:
    """Values over optimizer steps, a line for each run, seed and series.

    Args:
        frame: run, seed, step, series (solid, dashed, ...), value, and selected: true
            at steps whose weights were selected, which get a ring.
        title: Of the chart.
        unit: Of the values.
        width: Of the chart, pixels.
    """
    runs = frame["run"].unique(maintain_order=True).to_list()
    series = frame["series"].unique(maintain_order=True).to_list()
    ticks = alt.Axis(format="d", tickMinStep=1, tickCount=width // 60)
    base = alt.Chart(thinned(frame)).encode(
        alt.X("step:Q", title="optimizer steps", axis=ticks),
        alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False)),
        color=_colour("run", runs),
    )
    dash = alt.StrokeDash("series:N", sort=series, legend=_legend(series))
    lines = base.mark_line(strokeWidth=1.8).encode(dash, detail="seed:N")
    # A series of one value is no line.
    dots = base.mark_point(filled=True, size=18)
    rings = base.mark_point(filled=False, size=110, strokeWidth=2)
    selected = rings.transform_filter("datum.selected")
    few = frame.group_by("run", "seed", "series").len()["len"].max()
    layers = [lines, *([dots] if few in range(1, 30) else []), selected]
    return _layered([*layers], title, width, 200)


def thinned(frame: pl.DataFrame) -> pl.DataFrame:
    """At most 300 points a line: the mean of neighbouring steps, as long as needed.

    Args:
        frame: As `curves` takes it.
    """
    keys = ["run", "seed", "series"]
    place = pl.int_range(pl.len()).over(keys) * _POINTS // pl.len().over(keys)
    part = pl.when(pl.len().over(keys) > _POINTS).then(place)
    alone = pl.int_range(pl.len()).over(keys)
    return (
        frame.sort("step", maintain_order=True)
        .with_columns(part=pl.coalesce(part, alone))
        .group_by(*keys, "part", maintain_order=True)
        .agg(pl.col("step").max(), pl.col("value").mean(), pl.col("selected").any())
        .drop("part")
    )


def scatter(
    frame: pl.DataFrame, title: str, x: str, y: str, width: int = WIDTH
) -> alt.LayerChart:
    """A point for each system.

    Args:
        frame: name, x, y.
        title: Of the chart.
        x: Title of the horizontal axis.
        y: Title of the vertical axis.
        width: Of the chart, pixels.
    """
    names = frame["name"].unique(maintain_order=True).to_list()
    points = alt.Chart(frame).mark_point(filled=True, size=110, opacity=1)
    points = points.encode(
        alt.X(
            "x:Q",
            title=x,
            scale=alt.Scale(zero=False, padding=20),
            axis=alt.Axis(tickCount=width // 60),
        ),
        alt.Y("y:Q", title=y, scale=alt.Scale(zero=False, padding=20)),
        *_shape("name", names),
        color=_colour("name", names, "circle"),
    )
    return _layered([points], title, width, 200)


def _layered(
    layers: Sequence[alt.Chart], title: str, width: int, height: float
) -> alt.LayerChart:
    text = alt.Title(title, anchor="start", fontWeight="normal")
    return alt.LayerChart(layer=list(layers), title=text, width=width, height=height)


def _zero(axis: str) -> alt.Chart:
    """A dashed line where nothing changed."""
    rule = alt.Chart(pl.DataFrame({"zero": [0.0]}))
    rule = rule.mark_rule(strokeDash=[3, 3], color=_QUIET)
    zero: alt.Chart = rule.encode(**{axis: "zero:Q"})
    return zero


def _colour(column: str, values: Sequence[str], symbol: str = "stroke") -> alt.Color:
    scale = alt.Scale(domain=list(values), range=COLOURS)
    return alt.Color(f"{column}:N", scale=scale, legend=_legend(values, symbol))


def _dash(column: str, values: Sequence[str]) -> list[alt.StrokeDash]:
    """Tells lines of one colour apart; none where each has its own."""
    if len(values) <= len(COLOURS):
        return []
    scale = alt.Scale(domain=list(values), range=_by_dozen(_DASHES, values))
    return [alt.StrokeDash(f"{column}:N", scale=scale, legend=_legend(values))]


def _shape(column: str, values: Sequence[str]) -> list[alt.Shape]:
    """Tells points of one colour apart; none where each has its own."""
    if len(values) <= len(COLOURS):
        return []
    scale = alt.Scale(domain=list(values), range=_by_dozen(_SHAPES, values))
    return [alt.Shape(f"{column}:N", scale=scale, legend=_legend(values))]


def _by_dozen(looks: Sequence[Any], values: Sequence[str]) -> list[Any]:
    """One for as many values as there are colours, then the next."""
    return [looks[n // len(COLOURS) % len(looks)] for n in range(len(values))]


def _legend(values: Sequence[str], symbol: str = "stroke") -> alt.Legend | None:
    """Above the plot, a row each; none for a single value."""
    if len(values) < 2:
        return None
    return alt.Legend(
        title=None,
        orient="top",
        direction="vertical",
        columns=1,
        labelLimit=0,
        symbolType=symbol,
        symbolStrokeWidth=2.5,
        symbolSize=220 if symbol == "stroke" else 100,
    )
