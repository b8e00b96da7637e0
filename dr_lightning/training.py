"""LightningCLI with the bi-encoder: fit, validate, test and predict."""

from collections.abc import Sequence

from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningCLI

# Importing these packages lets YAML name their classes without a module path.
from dr_lightning import callbacks, data, objectives, search  # noqa: F401
from dr_lightning.models.bi_encoder import BiEncoder


def run(args: Sequence[str]) -> LightningCLI:
    """Runs a verb of the Trainer.

    Args:
        args: The verb and its options, such as `["fit", "--config", "my.yaml"]`.
    """
    return LightningCLI(
        BiEncoder,
        LightningDataModule,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        seed_everything_default=0,
        trainer_defaults={
            # A batch spans all ranks here: no rank gets a sampler of its own.
            "use_distributed_sampler": False,
            "logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "runs"}},
        },
        save_config_kwargs={"overwrite": True},
        args=list(args),
    )
