"""The cells of a sweep: whole configs of `fit`, checked before the first one runs."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dr_lightning.sweep.options import BASE, Settings
from dr_lightning.training import check_exports, resolve


@dataclass(frozen=True)
class Cell:
    """One training run.

    Args:
        name: Of the cell.
        seed: Of the run.
        config: The whole config of `fit`.
        base: Name of the base model's folder.
    """

    name: str
    seed: int
    config: dict[str, Any]
    base: str


def cells(settings: Settings) -> list[Cell]:
    """All training runs of a sweep, in the order in which they run.

    Args:
        settings: What `options.read` gave.

    Raises:
        ValueError: If `fit` would refuse a cell, leave no model folder, or not find a
            file of the data.
    """
    configs = {name: _config(name, settings) for name in settings["cells"]}
    bases: dict[str, str] = {}
    for name, config in configs.items():
        encoder = yaml.safe_dump(config["model"]["encoder"])
        bases.setdefault(encoder, f"{BASE}-{name}" if bases else BASE)
    return [
        Cell(
            name,
            seed,
            _placed(config, Path(settings["work"]), name, seed),
            bases[yaml.safe_dump(config["model"]["encoder"])],
        )
        for seed in settings["seeds"]
        for name, config in configs.items()
    ]


def _config(name: str, settings: Settings) -> dict[str, Any]:
    """The config of a cell, as `fit` itself reads it."""
    own = settings["cells"][name]
    shared = {k: v for k, v in settings["options"].items() if k not in own}
    # A cell's own come last: a whole encoder would undo a part that was set before.
    changed = shared | own
    options = [f"--{option}={_typed(value)}" for option, value in changed.items()]
    try:
        config = resolve(["fit", "--config", settings["fit"], *options])
    except SystemExit as stop:
        msg = f"`fit` refuses cell {name}; its own message stands above."
        raise ValueError(msg) from stop
    check_exports(config, f"cell {name}")
    for file in data_files(config["data"]):
        if not file.exists():
            msg = (
                f"cell {name}: {file}: no such file. The header of the config, or of "
                f"{settings['fit']}, tells what makes it."
            )
            raise ValueError(msg)
    return config


def data_files(value: Any) -> Iterator[Path]:
    """The files that a data module's options name, tables among them that are missing.

    Args:
        value: Options, or a part of them.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from data_files(item)
    elif isinstance(value, str):
        path = Path(value)
        if path.suffix == ".parquet" or path.is_file():
            yield path


def _typed(value: Any) -> str:
    """A value as a command line holds it."""
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


def _placed(config: dict[str, Any], work: Path, name: str, seed: int) -> dict[str, Any]:
    """The config with the seed and the run folder of its own."""
    placed = copy.deepcopy(config)
    placed["seed_everything"] = seed
    batching = placed["data"].get("init_args", {}).get("batching")
    if batching is not None:
        batching["seed"] = None  # the run's: else all seeds would be one
    folder = {"save_dir": str(work), "name": name, "version": f"seed-{seed}"}
    placed["trainer"]["logger"] = {"class_path": "CSVLogger", "init_args": folder}
    return placed
