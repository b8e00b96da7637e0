"""`fit` with a config that a test changes as it likes."""

from pathlib import Path
from typing import Any

import yaml

from dr_lightning.cli import main

Config = dict[str, Any]


def part(class_path: str, **init_args: Any) -> Config:
    return {"class_path": class_path, "init_args": init_args}


def write(config: Config, path: Path) -> Path:
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def run_folder(tmp_path: Path, version: int = 0) -> Path:
    return tmp_path / "runs" / "t" / f"version_{version}"


def fit(config: Config, tmp_path: Path, *options: str) -> Path:
    main(["fit", "--config", str(write(config, tmp_path / "c.yaml")), *options])
    return run_folder(tmp_path)
