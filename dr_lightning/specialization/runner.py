"""Runs the steps that are not finished, in order, and records what they made."""

import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path

from dr_lightning.specialization import commands, records
from dr_lightning.specialization.layout import Layout
from dr_lightning.specialization.lock import lock
from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.report import write_report
from dr_lightning.specialization.step import Step
from dr_lightning.specialization.steps import build, layout_of, names

logger = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Runs what is not finished.

    Args:
        settings: What `options.read` gave.

    Raises:
        ValueError: If the folder is in use, or a step fails.
    """
    layout = layout_of(settings)
    chosen = _chosen(settings)
    with lock(layout.work) as descriptor:
        anew = False
        for name in chosen:
            anew = anew or name == settings["start"]
            _run_step(build(name, settings), layout, anew, descriptor)
        if chosen[-1] == "evaluate":
            write_report(settings)
            logger.info("specialize: the report lies in %s", layout.report)
            logger.info("specialize: the retriever lies in %s", layout.model)


def _chosen(settings: Settings) -> list[str]:
    """The steps up to `until`."""
    known = names(settings)
    for option in ("start", "until"):
        wanted = settings[option]
        if wanted is not None and wanted not in known:
            name = "--from" if option == "start" else "--until"
            msg = f"{name} must be one of {', '.join(known)}, but got {wanted!r}."
            raise ValueError(msg)
    start, until = settings["start"], settings["until"]
    chosen = known if until is None else known[: known.index(until) + 1]
    if start is not None and start not in chosen:
        msg = f"--from {start} comes after --until {until}. Name an earlier step."
        raise ValueError(msg)
    return chosen


def _run_step(step: Step, layout: Layout, anew: bool, descriptor: int) -> None:
    folder = layout.steps(step.shared)
    path = folder / f"{step.name}.json"
    wanted = records.expected(step, layout.work)
    found = records.Record.load(path)
    why = records.reason(step, layout.work, wanted, found)
    if why is None and not anew:
        logger.info("specialize: %s is finished, skipped", step.name)
        return
    logger.info("specialize: %s runs: %s", step.name, why or "--from asks for it")
    goes_on = why == records.UNFINISHED and not anew
    # Written first: a run that is killed leaves what it was about.
    wanted.save(path)
    config = commands.write_yaml(step, folder)
    started = time.monotonic()
    commands.run(step, config, _more(step, layout, goes_on), descriptor)
    seconds = round(time.monotonic() - started, 1)
    made = records.products(step, layout.work)
    replace(wanted, products=made, seconds=seconds).save(path)


def _more(step: Step, layout: Layout, goes_on: bool) -> tuple[str, ...]:
    """Options that let a command replace, or take up, what an earlier one left."""
    if step.command != "fit":
        return ("--overwrite=true",)
    last = layout.run / "checkpoints" / "last.ckpt"
    if goes_on and last.is_file():
        _keep_metrics(layout.run)
        return (f"--ckpt_path={last}",)
    shutil.rmtree(layout.run, ignore_errors=True)
    return ()


def _keep_metrics(run: Path) -> None:
    """CSVLogger deletes the file of the run that is taken up; it gets a name."""
    file = run / "metrics.csv"
    if file.is_file():
        number = len(list(run.glob("metrics-*.csv"))) + 1
        file.rename(run / f"metrics-{number}.csv")
