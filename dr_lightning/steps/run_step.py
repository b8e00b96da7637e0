"""Runs a step unless it is finished, and records what it made."""

import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path

from dr_lightning.steps import commands, records
from dr_lightning.steps.step import Step

logger = logging.getLogger(__name__)


def run_step(
    step: Step, folder: Path, work: Path, descriptor: int, anew: bool = False
) -> None:
    """Runs a step unless its record says that it is finished.

    Args:
        step: The step.
        folder: Of its YAML and its record.
        work: The folder of everything; paths inside it are recorded as relative ones.
        descriptor: The lock of `work`, which the command inherits.
        anew: Whether a finished step runs again.

    Raises:
        ValueError: If the command fails, or a file that it reads is missing.
    """
    path = folder / f"{step.name}.json"
    wanted = records.expected(step, work)
    found = records.Record.load(path)
    why = records.reason(step, work, wanted, found)
    if why is None and not anew:
        logger.info("step %s is finished, skipped", step.name)
        return
    logger.info("step %s runs: %s", step.name, why or "--from asks for it")
    goes_on = why == records.UNFINISHED and not anew
    # Written first: a run that is killed leaves what it was about.
    wanted.save(path)
    config = commands.write_yaml(step, folder)
    started = time.monotonic()
    commands.run(step, config, _more(step, goes_on), descriptor)
    seconds = round(time.monotonic() - started, 1)
    made = records.products(step, work)
    replace(wanted, products=made, seconds=seconds).save(path)


def _more(step: Step, goes_on: bool) -> tuple[str, ...]:
    """Options that let a command replace, or take up, what an earlier one left."""
    if step.run is None:
        return ("--overwrite=true",)
    last = step.run / "checkpoints" / "last.ckpt"
    if goes_on and last.is_file():
        _keep_metrics(step.run)
        return (f"--ckpt_path={last}",)
    shutil.rmtree(step.run, ignore_errors=True)
    return ()


def _keep_metrics(run: Path) -> None:
    """CSVLogger deletes the file of the run that is taken up; it gets a name."""
    file = run / "metrics.csv"
    if file.is_file():
        number = len(list(run.glob("metrics-*.csv"))) + 1
        file.rename(run / f"metrics-{number}.csv")
