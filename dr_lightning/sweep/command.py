"""The `sweep` command: all cells, resumable."""

import logging
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from dr_lightning.stages.report import PLOTTERS
from dr_lightning.steps.lock import lock
from dr_lightning.steps.run_step import run_step
from dr_lightning.sweep.cells import Cell, cells
from dr_lightning.sweep.options import read
from dr_lightning.sweep.steps import (
    base_steps,
    cell_steps,
    checkpoints,
    fit_step,
    report_step,
)

logger = logging.getLogger(__name__)


def run(args: Sequence[str]) -> None:
    """Runs the command.

    Args:
        args: Its options.

    Raises:
        ValueError: If an option is wrong, `fit` refuses a cell, the folder is in use,
            or a step fails.
    """
    settings = read(args)
    table = cells(settings)
    work = Path(settings["work"])
    with lock(work) as descriptor:
        for name, cell in _bases(table).items():
            for step in base_steps(settings, cell):
                run_step(step, work / "steps" / name, work, descriptor)
        for number, cell in enumerate(table, start=1):
            logger.info(
                "sweep: run %d of %d: %s, seed %d",
                number,
                len(table),
                cell.name,
                cell.seed,
            )
            folder = work / "steps" / cell.name / f"seed-{cell.seed}"
            run_step(fit_step(settings, cell), folder, work, descriptor)
            for step in cell_steps(settings, cell):
                run_step(step, folder, work, descriptor)
            if not settings["keep_checkpoints"]:
                shutil.rmtree(checkpoints(settings, cell), ignore_errors=True)
        if all(map(find_spec, PLOTTERS)):
            step = report_step(settings, table)
            run_step(step, work / "steps", work, descriptor)
        else:
            told = "sweep: no report without %s; in the terminal: compare %s"
            logger.info(told, " and ".join(PLOTTERS), work)


def _bases(table: list[Cell]) -> dict[str, Cell]:
    """A cell of each base."""
    found: dict[str, Cell] = {}
    for cell in table:
        found.setdefault(cell.base, cell)
    return found
