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
def passages(tmp_path: Path) -> Path:
    """A file of passages."""
    path = tmp_path / "passages.jsonl"
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


@pytest.fixture
def configure(
    passages: Path, tmp_path: Path, tiny_encoder_dir: Path, tiny_teacher_dir: Path
) -> Configure:
    """Writes a YAML for `specialize`; keywords replace its values."""
    teacher = {"model": str(tiny_teacher_dir), "max_tokens": 64}
    fit = tmp_path / "fit.yaml"
    fit.write_text(_fit(), "utf-8")
    settings: dict[str, Any] = {
        "corpus": str(passages),
        "work": str(tmp_path / "work"),
        "cache": str(tmp_path / "cache"),
        "student": {"backbone": str(tiny_encoder_dir), "pooling": "mean"},
        "teacher": {"class_path": "SequenceClassifier", "init_args": teacher},
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
        path = tmp_path / "my.yaml"
        path.write_text(yaml.safe_dump(settings | changes), "utf-8")
        return path

    return write


def _fit() -> str:
    """The default config of `fit` for a corpus of forty passages."""
    default = Path("dr_lightning/specialization/fit.yaml")
    config = yaml.safe_load((Path(__file__).parents[2] / default).read_text("utf-8"))
    config["trainer"] |= {"accelerator": "cpu"}
    config["data"]["init_args"]["batching"]["order"]["init_args"]["size"] = 8
    return yaml.safe_dump(config)
