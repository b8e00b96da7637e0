"""What a run logged over its steps, in long form."""

from itertools import pairwise
from pathlib import Path

import polars as pl

from dr_lightning.analysis.run import METRICS_FILE, Run

LOGGED = pl.Schema({"step": pl.Int64(), "key": pl.String(), "value": pl.Float64()})


def logged(run: Run) -> pl.LazyFrame:
    """The values of `metrics.csv` and `run.json`, lazily: step, key, value.

    `step` counts the optimizer steps taken when the value was known. Values of the
    evaluations in the loop come from `run.json`, which is written at once, where the
    CSV lags; a CSV's last line counts once it is whole. `metrics-1.csv` and so on are
    what a run logged before it was taken up again.

    Args:
        run: Any, one without either file too.
    """
    csv = pl.concat([pl.LazyFrame(schema=LOGGED), *map(_csv, _files(run.folder))])
    # A run that was taken up again logged some steps twice.
    csv = csv.unique(["step", "key"], keep="last", maintain_order=True)
    if run.evaluations:
        csv = csv.filter(~pl.col("key").str.starts_with("val/"))
    return pl.concat([_evaluated(run), _timed(run), csv])


def _files(folder: Path) -> list[Path]:
    """The CSVs that hold something, in the order in which they were written."""
    stem, suffix = METRICS_FILE.split(".")
    earlier = list(folder.glob(f"{stem}-*.{suffix}"))
    earlier.sort(key=lambda file: (len(file.name), file.name))
    files = [*earlier, folder / METRICS_FILE]
    return [file for file in files if file.is_file() and file.stat().st_size]


def _evaluated(run: Run) -> pl.LazyFrame:
    rows = [
        {"step": one["step"], "key": key, "value": value}
        for one in run.evaluations
        for key, value in one.items()
        if key.startswith("val/") and _is_number(value)
    ]
    return pl.LazyFrame(rows, schema=LOGGED)


def _timed(run: Run) -> pl.LazyFrame:
    """Optimizer steps a minute between evaluations, without the evaluations' time."""
    told = [
        one
        for one in run.timings
        if all(_is_number(one.get(key)) for key in ("seconds", "evaluation_seconds"))
    ]
    rows = []
    for before, after in pairwise(told):
        seconds = after["seconds"] - before["seconds"] - after["evaluation_seconds"]
        taken = after["step"] - before["step"]
        if seconds > 0 and taken > 0:
            value = 60 * taken / seconds
            rows.append(
                {"step": after["step"], "key": "train/steps_a_minute", "value": value}
            )
    return pl.LazyFrame(rows, schema=LOGGED)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _csv(path: Path) -> pl.LazyFrame:
    """Lightning logs steps from 0, but what is known after the last one as it is."""
    frame = pl.scan_csv(
        path,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",  # of a name in another encoding the rest is enough
    )
    names = frame.collect_schema().names()
    if "step" not in names:
        return pl.LazyFrame(schema=LOGGED)
    if not _ends_with_newline(path):
        frame = frame.filter(pl.int_range(pl.len()) < pl.len() - 1)
    keys = [name for name in names if name not in {"step", "epoch"}]
    row = pl.int_range(pl.len())
    as_is = pl.col("key").str.contains("^(base|last)/") | (
        # The base is evaluated before anything else is logged.
        (pl.col("row") == 0) & pl.col("key").str.starts_with("val/")
    )
    return (
        frame.with_columns(pl.all().cast(pl.Float64, strict=False))
        .with_columns(row=row)
        .unpivot(keys, index=["row", "step"], variable_name="key", value_name="value")
        .drop_nulls()
        .select(
            step=pl.col("step").cast(pl.Int64) + pl.when(as_is).then(0).otherwise(1),
            key="key",
            value="value",
        )
        .cast(LOGGED)
    )


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read() == b"\n"
