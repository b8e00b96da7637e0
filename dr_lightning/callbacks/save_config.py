"""The run's config, in the run's folder."""

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from dr_lightning.callbacks.run_folder import run_folder


class SaveConfig(SaveConfigCallback):
    """Writes `config.yaml` beside the other files of a run.

    Lightning's own writes it to `trainer.log_dir`, which is one folder for all runs of
    some loggers. A run that is taken up again replaces its file.
    """

    folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Asks for the folder on all ranks: `save_config` is called on the first alone.

        Args:
            trainer: The Trainer.
            pl_module: Not used.
            stage: Of the Trainer.
        """
        self.folder = run_folder(trainer)
        super().setup(trainer, pl_module, stage)

    def save_config(
        self, trainer: Trainer, pl_module: LightningModule, stage: str
    ) -> None:
        """Writes the file.

        Args:
            trainer: Not used.
            pl_module: Not used.
            stage: Not used.
        """
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = str(self.folder / self.config_filename)
            self.parser.save(
                self.config, path, skip_none=False, overwrite=True, multifile=False
            )
