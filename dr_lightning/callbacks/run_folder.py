"""Where a run leaves its files."""

from pathlib import Path

from lightning.pytorch import Trainer


def run_folder(trainer: Trainer) -> Path | None:
    """The folder of this run alone; None for `fast_dev_run`.

    The `log_dir` of the first logger that has one, such as `CSVLogger`; else the folder
    in which `ModelCheckpoint` has its checkpoints, SAVE_DIR/NAME/VERSION, as `save_dir`
    is the same for all runs of `WandbLogger` or `MLFlowLogger`; without a logger the
    Trainer's `default_root_dir`.

    To be asked on all ranks together: the first one sends the folder.

    Args:
        trainer: The Trainer.
    """
    if getattr(trainer, "fast_dev_run", False):
        return None
    return Path(trainer.strategy.broadcast(str(_own(trainer))))


def _own(trainer: Trainer) -> Path:
    for logger in trainer.loggers:
        if log_dir := getattr(logger, "log_dir", None):
            return Path(log_dir)
    for logger in trainer.loggers:
        version = logger.version
        run = version if isinstance(version, str) else f"version_{version}"
        root = logger.save_dir or trainer.default_root_dir
        return Path(root) / str(logger.name) / run
    return Path(trainer.default_root_dir)
