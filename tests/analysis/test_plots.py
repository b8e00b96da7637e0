"""Charts: every one has a title and titled axes, and draws what its frame holds."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest

from dr_lightning.analysis import plots
from dr_lightning.analysis.drawing import svg
from dr_lightning.analysis.results import load
from dr_lightning.analysis.series import curves_of, training_plots
from tests.run_folders import write_run

INTERVALS = pl.DataFrame(
    {"name": ["kl", "mse"], "mean": [0.1, -0.1], "low": [0.0, -0.2], "high": [0.2, 0.0]}
)
CURVE = pl.DataFrame(
    {
        "run": ["kl"] * 4 + ["mse"] * 2,
        "seed": [1] * 6,
        "step": [1, 2, 3, 4, 1, 2],
        "series": ["train loss"] * 6,
        "value": [4.0, 3.0, 2.0, 1.0, 5.0, 4.0],
        "selected": [False, True] * 3,
    }
)
Drawn = tuple[pl.DataFrame, Callable[[pl.DataFrame], alt.LayerChart], str, int]
DRAWN: dict[str, Callable[[int], alt.LayerChart]] = {
    "intervals": lambda w: plots.intervals(INTERVALS, "title", "AP", w),
    "grouped intervals": lambda w: plots.intervals(
        INTERVALS.with_columns(group=pl.Series(["a", "b"])), "title", "AP", w
    ),
    "changes": lambda w: plots.changes(
        pl.DataFrame({"name": ["kl", "kl"], "change": [0.2, -0.1]}), "title", "AP", w
    ),
    "curves": lambda w: plots.curves(CURVE, "title", "nats", w),
    "scatter": lambda w: plots.scatter(
        pl.DataFrame({"name": ["kl", "mse"], "x": [0.1, 0.2], "y": [0.3, 0.4]}),
        "title",
        "tau",
        "AP",
        w,
    ),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_chart_has_title_axes_and_the_colours_of_its_page(
    draw: Callable[[int], alt.LayerChart],
) -> None:
    wide, narrow = (svg(draw, width) for width in (600, 250))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", wide)
    assert "title" in texts
    axes = [layer["encoding"] for layer in draw(600).to_dict()["layer"]]
    titled = {axis for one in axes for axis in "xy" if one.get(axis, {}).get("title")}
    assert titled == {"x", "y"}
    assert "currentColor" in wide
    assert "<script" not in wide
    # Several charts share a page.
    assert ' id="' not in wide
    assert _width(narrow) < _width(wide) - 300


def _width(text: str) -> float:
    found = re.match(r'<svg[^>]* width="(\d+)', text)
    assert found
    return float(found[1])


def test_an_interval_lies_at_its_ends() -> None:
    chart: dict[str, Any] = DRAWN["intervals"](600).to_dict()
    (data,) = [
        rows for rows in chart["datasets"].values() if {"low", "high"} <= set(rows[0])
    ]
    assert [(row["name"], row["low"], row["high"]) for row in data] == [
        ("kl", 0.0, 0.2),
        ("mse", -0.2, 0.0),
    ]


def test_long_lines_are_thinned_to_means_that_keep_the_last_step() -> None:
    steps = 1000
    long = pl.DataFrame(
        {
            "run": ["kl"] * steps,
            "seed": [1] * steps,
            "step": range(1, steps + 1),
            "series": ["train loss"] * steps,
            "value": [float(step) for step in range(1, steps + 1)],
            "selected": [step == 500 for step in range(1, steps + 1)],
        }
    )
    thin = plots.thinned(long)
    assert len(thin) == 300
    assert thin["step"].max() == 1000
    assert thin["selected"].sum() == 1
    # Steps 1 to 4 are the first 300th: mean 2.5.
    assert thin.row(0, named=True) | {"step": 4, "value": 2.5} == thin.row(
        0, named=True
    )
    assert (
        plots.thinned(CURVE)
        .sort("run", "step")
        .equals(CURVE.select(thin.columns).sort("run", "step"))
    )


def test_plots_are_those_that_the_log_is_enough_for() -> None:
    keys = [
        "val/nDCG@10",
        "val/dev/nDCG@10",
        "train/loss",
        "val/loss",
        "train/info_nce",
        "val/info_nce",
        "train/grad_norm",
        "train/distinct_passages",
        "train/student_entropy",
        "val/student_entropy",
        "train/queries_per_second",
        "val/drift/query_to_base",
        "val/drift/query_pairwise",
        "lr-AdamW",
    ]
    found = {plot.title: plot.keys for plot in training_plots(keys, "nDCG@10")}
    assert found == {
        "nDCG@10 in the loop": ("val/nDCG@10",),
        "Loss": ("val/loss", "train/loss"),
        "Loss part: info_nce": ("val/info_nce", "train/info_nce"),
        "Entropy of student and teacher": ("val/student_entropy",),
        "Gradient norm": ("train/grad_norm",),
        "Distinct passages of a batch": ("train/distinct_passages",),
        "Speed": ("train/queries_per_second",),
        "Drift of the embeddings": ("val/drift/query_to_base",),
    }
    assert training_plots([], "nDCG@10") == []


def test_the_selected_step_has_a_ring_where_it_was_evaluated(tmp_path: Path) -> None:
    write_run(tmp_path / "kl", {0: [0.1], 2: [0.3], 4: [0.2]}, selected=2)
    results = load([tmp_path])
    steps = results.steps.collect()
    plot = training_plots(["train/loss", "val/loss"], "nDCG@10")[0]
    table = curves_of(steps, plot, results.experiments)
    chosen = table.filter("selected").select("series", "step").rows()
    assert chosen == [("val loss", 2)]
    assert table["series"].unique(maintain_order=True).to_list() == [
        "val loss",
        "train loss",
    ]


def test_losses_of_different_objectives_are_not_to_be_compared() -> None:
    (plot,) = training_plots(["train/loss"], "nDCG@10")
    assert "Heights compare only within one objective" in plot.reading


def test_a_colour_that_comes_again_looks_otherwise() -> None:
    """The 13th system has the first one's; the line is dashed, the point no circle."""
    names = [f"kl{number}" for number in range(13)]
    change = pl.DataFrame({"name": names, "change": [0.1] * 13})
    point = pl.DataFrame({"name": names, "x": [0.1] * 13, "y": [0.2] * 13})
    group = pl.DataFrame({"name": ["a"] * 13, "group": names}).with_columns(
        mean=0.1, low=0.0, high=0.2
    )
    drawn: list[Drawn] = [
        (change, lambda f: plots.changes(f, "t", "AP"), "strokeDash", 1),
        (point, lambda f: plots.scatter(f, "t", "tau", "AP"), "shape", 0),
        (group, lambda f: plots.intervals(f, "t", "AP"), "shape", 2),
    ]
    for frame, draw, channel, places in drawn:
        layer = draw(frame).to_dict()["layer"][places]["encoding"]
        looks = layer[channel]["scale"]["range"]
        assert layer[channel]["scale"]["domain"] == names
        assert all(look == looks[0] for look in looks[:12])
        assert looks[12] != looks[0]
        column = "group" if "group" in frame.columns else "name"
        few = draw(frame.filter(pl.col(column) != names[-1])).to_dict()
        assert channel not in few["layer"][places]["encoding"]
