"""Text for the loggers that can show it."""

from collections.abc import Sequence
from typing import Any

from lightning.pytorch.loggers import (
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)


def log_text(
    logger: Logger,
    key: str,
    markdown: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    step: int,
) -> None:
    """Gives a logger text: a page where it shows markdown, a table where it has those.

    TensorBoard and MLflow take the page, Weights & Biases the table; others nothing.

    Args:
        logger: One of a Trainer's.
        key: Name of the text.
        markdown: The page.
        columns: Names of the table's columns.
        rows: The table.
        step: Optimizer steps.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_text(key, markdown, step)
    elif isinstance(logger, WandbLogger):
        data = [list(row) for row in rows]
        logger.log_text(key, columns=list(columns), data=data, step=step)
    elif isinstance(logger, MLFlowLogger):
        path = f"{key}/step-{step}.md"
        logger.experiment.log_text(logger.run_id, markdown, path)
