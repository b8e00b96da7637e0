"""A corpus of forty passages and a YAML that specialises a tiny model on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tiny_data import PLACES, SUBJECTS

Configure = Callable[..., Path]


@pytest.fixture
def configure(
    tmp_path: Path, tiny_encoder_dir: Path, tiny_teacher_dir: Path
) -> Configure:
    """Writes a YAML for `specialize`; keywords replace its values."""
    return configured(tmp_path, tiny_encoder_dir, tiny_teacher_dir)


def configured(folder: Path, encoder: Path, teacher: Path) -> Configure:
    """What writes a YAML for `specialize`, in a folder of its own.

    Args:
        folder: Where everything goes.
        encoder: The student's folder.
        teacher: The teacher's.
    """
    fit = folder / "fit.yaml"
    fit.write_text(_fit(), "utf-8")
    settings: dict[str, Any] = {
        "corpus": str(_passages(folder)),
        "work": str(folder / "work"),
        "cache": str(folder / "cache"),
        "student": {"backbone": str(encoder), "pooling": "mean"},
        "teacher": {
            "class_path": "SequenceClassifier",
            "init_args": {"model": str(teacher), "max_tokens": 64},
        },
        "budget": {"queries": 60, "candidates": 6, "epochs": 2},
        "fit": str(fit),
        # A random teacher ranks no source first, a random student finds none.
        "retrieve": {"source_depth": None},
        "curate": {
            "rules": {
                "min_candidates": 4,
                "drop_beaten_source": False,
                "drop_low_best": False,
            }
        },
        "score": {"part_queries": 16, "fail_fast": False},
        "generate": {"part_queries": 16},
    }

    def write(**changes: Any) -> Path:
        path = folder / "my.yaml"
        path.write_text(yaml.safe_dump(settings | changes), "utf-8")
        return path

    return write


def _passages(folder: Path) -> Path:
    path = folder / "passages.jsonl"
    lines = [
        json.dumps(
            {
                "_id": f"{subject}-{place}",
                "title": f"the {subject} in the {place}",
                "text": f"People go to the {place} to look at the {subject}. "
                f"It is the oldest {subject} of all. Nobody in the {place} sells it.",
            }
        )
        for subject in SUBJECTS
        for place in PLACES
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _fit() -> str:
    """The default config of `fit` for a corpus of forty passages."""
    default = Path("dr_lightning/specialization/fit.yaml")
    config = yaml.safe_load((Path(__file__).parents[2] / default).read_text("utf-8"))
    config["trainer"] |= {"accelerator": "cpu"}
    config["data"]["init_args"]["batching"]["order"]["init_args"]["size"] = 8
    return yaml.safe_dump(config)
