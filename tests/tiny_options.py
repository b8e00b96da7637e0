"""Options that let any config under configs/ run in seconds, on tiny data."""

from pathlib import Path

import yaml

from tests.tiny_data import write_tiny

# What a machine without GPU puts in place of a config's settings.
ON_CPU = {
    "trainer.accelerator": "cpu",
    "trainer.devices": "1",
    "trainer.strategy": "auto",
    "trainer.precision": "32-true",
}


def tiny_options(folder: Path, encoder: Path) -> dict[str, str]:
    """A tiny model, corpus, lists and collection in place of the real ones.

    Args:
        folder: Where the data, the cache and the run (`runs/run/version_0`) go.
        encoder: A tiny model.
    """
    data = write_tiny(folder / "tiny")
    names = ("corpus", "queries", "qrels")
    collection = {name: str(data / f"{name}.parquet") for name in names}
    listed = yaml.safe_dump(
        [{"name": "tiny"} | collection], default_flow_style=True, width=10_000
    ).strip()
    return {
        "model.encoder.backbone": str(encoder),
        "data.corpus": str(data / "corpus.parquet"),
        "data.lists.train": str(data / "train.parquet"),
        "data.lists.dev": str(data / "dev.parquet"),
        "data.collections.validation": listed,
        "data.collections.test": listed,
        "data.reading": f"{{cache: {folder / 'cache'}}}",
        "trainer.logger.save_dir": str(folder / "runs"),
        "trainer.logger.name": "run",
    }


def as_options(values: dict[str, str]) -> list[str]:
    """What a command line takes."""
    return [f"--{name}={value}" for name, value in values.items()]
