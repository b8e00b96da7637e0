"""Where a run leaves its files."""

from pathlib import Path

from lightning.pytorch import Trainer


def run_folder(trainer: Trainer) -> Path | None:
    """The logger's folder, without one the Trainer's root; None for `fast_dev_run`.

    To be asked on all ranks together: Lightning sends the folder from the first.

    Args:
        trainer: The Trainer.
    """
    folder = trainer.log_dir or trainer.default_root_dir
    return None if getattr(trainer, "fast_dev_run", False) else Path(folder)
