"""LightningCLI with the bi-encoder: fit, validate, test and predict."""

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import yaml
from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import LightningCLI

# Importing these packages lets YAML name their classes without a module path.
from dr_lightning import callbacks, data, objectives, search  # noqa: F401
from dr_lightning.callbacks.save_config import SaveConfig
from dr_lightning.models.bi_encoder import BiEncoder

EXPORTER = "ExportEncoder"


def run(args: Sequence[str]) -> LightningCLI:
    """Runs a verb of the Trainer.

    Args:
        args: The verb and its options, such as `["fit", "--config", "my.yaml"]`.
    """
    # Arguments that are handed on are taken for a slip in a shell.
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
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
        save_config_callback=SaveConfig,
        save_config_kwargs={"save_to_log_dir": False},
        args=list(args),
    )


def resolve(args: Sequence[str]) -> dict[str, Any]:
    """The whole config that a verb would run with, as `--print_config` shows it.

    Args:
        args: As of `run`.

    Raises:
        SystemExit: If the verb would refuse them; it has told why.
    """
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            run([*args, "--print_config"])
        except SystemExit as stop:
            if stop.code != 0:
                raise
    found: dict[str, Any] = yaml.safe_load(printed.getvalue())
    return found


def check_exports(config: dict[str, Any], origin: str) -> None:
    """Refuses a config of `fit` that would leave no model folder.

    Args:
        config: What `resolve` gave.
        origin: Where it comes from, for the message.

    Raises:
        ValueError: If `ExportEncoder` is missing.
    """
    given = config["trainer"]["callbacks"] or []
    names = {str(one["class_path"]).rpartition(".")[2] for one in given}
    if EXPORTER not in names:
        msg = (
            f"{origin}: trainer.callbacks lacks {EXPORTER}, so `fit` would leave no "
            f"model folder; it has {', '.join(sorted(names)) or 'none'}. Add it."
        )
        raise ValueError(msg)
