"""Where a run leaves its files."""

from pathlib import Path

from lightning.pytorch import Trainer


def run_folder(trainer: Trainer) -> Path | None:
    """The logger's folder; None without a logger, as under `fast_dev_run`.

    To be asked on all ranks together: Lightning sends the folder from the first.

    Args:
        trainer: The Trainer.
    """
    folder = trainer.log_dir if trainer.loggers else None
    return None if folder is None else Path(folder)
