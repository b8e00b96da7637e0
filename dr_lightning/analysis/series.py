"""Which logged values belong in one plot, and how to read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from dr_lightning.analysis.experiments import Experiment

_LOSSES = ("train/loss", "val/loss")
_ENTROPIES = ("val/student_entropy", "val/teacher_entropy")


@dataclass(frozen=True)
class Plot:
    """Keys of the log that share a plot.

    Args:
        title: Of the plot.
        unit: Of the values.
        reading: A sentence on how to read it.
        keys: The keys; each is a series.
    """

    title: str
    unit: str
    reading: str
    keys: tuple[str, ...]


def training_plots(keys: Sequence[str], measure: str) -> list[Plot]:
    """The plots that logged keys are enough for.

    Args:
        keys: All logged keys.
        measure: The measure compared by.
    """
    found = [
        Plot(
            f"{measure} in the loop",
            f"{measure} (0 to 1)",
            "Mean over the validation collections; step 0 is the base, a ring marks "
            "the selected weights. Where a part of the corpus is searched it lies "
            "higher than on the whole: compare its points with each other only.",
            _there(keys, (f"val/{measure}",).__contains__),
        ),
        Plot(
            "Loss",
            "objective",
            "Of a batch (train) and of all dev lists (val). A dev loss that rises "
            "while the train loss falls is overfitting. Heights compare only within "
            "one objective: of runs with different ones compare the shapes.",
            _there(keys, _LOSSES.__contains__),
        ),
    ]
    found += [
        Plot(
            f"Loss part: {part}",
            part,
            "A part before its weight; which one moves tells what drives the training.",
            _there(keys, (f"val/{part}", f"train/{part}").__contains__),
        )
        for part in _parts(keys)
    ]
    found += [
        Plot(
            "Entropy of student and teacher",
            "entropy of a list (nats)",
            "Of the distributions over a dev list that KL compares. Far apart, the "
            "temperatures do not suit the lists, and KL mostly sharpens or flattens.",
            _there(keys, _ENTROPIES.__contains__),
        ),
        Plot(
            "Gradient norm",
            "norm before clipping",
            "A norm that jumps or grows says that the rate is too high.",
            _there(keys, lambda key: key.endswith(("grad_norm", "norm_total"))),
        ),
        Plot(
            "Distinct passages of a batch",
            "passages",
            "What is encoded, however many lists a passage stands in; the last batch "
            "of an epoch is smaller.",
            _there(keys, ("train/distinct_passages",).__contains__),
        ),
        Plot(
            "Throughput",
            "optimizer steps a minute",
            "Between evaluations, without their time.",
            _there(keys, ("train/steps_a_minute",).__contains__),
        ),
        Plot(
            "Speed",
            "queries a second",
            "As `Speed` logs it. What falls in the middle of a run is the machine's.",
            _there(keys, ("train/queries_per_second",).__contains__),
        ),
        Plot(
            "Drift of the embeddings",
            "mean cosine (-1 to 1)",
            "As `EmbeddingDrift` logs it, of a text's embedding to that of the base. A "
            "loss that falls while this falls far says that the model forgets.",
            _there(keys, lambda key: key.endswith("_to_base")),
        ),
    ]
    return [plot for plot in found if plot.keys]


def _there(keys: Sequence[str], wanted: Callable[[str], bool]) -> tuple[str, ...]:
    # "val" first: its line is the solid one.
    return tuple(sorted(filter(wanted, keys), reverse=True))


def _parts(keys: Sequence[str]) -> list[str]:
    """Names that are logged for train and dev, other than the loss itself."""
    stages = [
        {key.removeprefix(stage) for key in keys if key.startswith(stage)}
        for stage in ("train/", "val/")
    ]
    return sorted(
        name
        for name in stages[0] & stages[1]
        if name != "loss" and not name.endswith("_entropy")
    )


def curves_of(
    steps: pl.DataFrame, plot: Plot, experiments: Sequence[Experiment]
) -> pl.DataFrame:
    """What `plots.curves` draws of a plot: run, seed, step, series, value, selected.

    Args:
        steps: `Results.steps`, collected.
        plot: Its keys are the series.
        experiments: Tell which steps were selected.
    """
    chosen = pl.DataFrame(
        [
            (one.name, run.seed, run.ends["selected"], True)
            for one in experiments
            for run in one.runs
        ],
        schema={
            "run": pl.String,
            "seed": pl.Int64,
            "step": pl.Int64,
            "selected": pl.Boolean,
        },
        orient="row",
    ).unique(["run", "seed", "step"])
    order = {key: place for place, key in enumerate(plot.keys)}
    own = steps.filter(pl.col("key").is_in(plot.keys))
    place = pl.col("key").replace_strict(order, return_dtype=pl.Int64)
    own = own.sort(place, maintain_order=True)
    joined = own.join(
        chosen,
        on=["run", "seed", "step"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    evaluated = pl.col("key").str.starts_with("val/")
    series = pl.col("key").str.replace("^(train|val)/", "$1 ")
    return joined.select(
        "run",
        "seed",
        "step",
        series=series,
        value="value",
        selected=pl.col("selected").fill_null(value=False) & evaluated,
    )
