"""Every teacher of `configs/teacher/` through the command line, on a tiny model."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from tests.tiny_models import save_gemma, save_qwen, save_t5

PARTS = sorted((Path(__file__).parents[2] / "configs" / "teacher").glob("*.yaml"))


def model(part: str, folder: Path, classifier: Path) -> Path:
    makers: dict[str, Callable[[Path], Path]] = {
        "monot5": save_t5,
        "rankt5": save_t5,
        "qwen3_reranker": save_qwen,
        "bge_reranker_gemma": save_gemma,
        "sequence_classifier": lambda _: classifier,
    }
    return makers[part](folder / "model")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_part_file_names_a_teacher_that_scores(
    part: Path, tmp_path: Path, tiny_teacher_dir: Path
) -> None:
    frames = {
        "corpus": pl.DataFrame(
            {"passage_id": ["a", "b"], "title": "", "text": ["sort a list", "zip"]}
        ),
        "queries": pl.DataFrame(
            {"query_id": ["q"], "text": "how?", "query_type": "x"}
        ).with_columns(source_passage_id=pl.lit(None, pl.String)),
        "candidates": pl.DataFrame(
            {"query_id": ["q"], "passage_id": [["a", "b"]], "score": [[1.0, 0.0]]}
        ),
    }
    contracts = (schemas.CORPUS, schemas.QUERIES, schemas.RUN)
    options = []
    for (name, frame), schema in zip(frames.items(), contracts, strict=True):
        path = tmp_path / f"{name}.parquet"
        artefacts.write(frame, path, schema, artefacts.Manifest("test"))
        options.append(f"--{name}={path}")
    tiny = model(part.stem, tmp_path, tiny_teacher_dir)
    out = tmp_path / "scores.parquet"
    command = ["score", *options, f"--out={out}", f"--teacher={part}"]
    main([*command, f"--teacher.model={tiny}", "--teacher.batch_tokens=1024"])
    scores = artefacts.read(out, schemas.TEACHER_SCORES)
    assert scores["teacher_score"].list.n_unique().to_list() == [2]
    assert artefacts.read_manifest(out)["settings"]["teacher"]["model"] == tiny.name
