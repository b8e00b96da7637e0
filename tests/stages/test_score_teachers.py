"""Every teacher of `configs/teacher/` through the command line, on a tiny model."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from tests.tiny_models import save_gemma, save_qwen, save_t5

PARTS = sorted((Path(__file__).parents[2] / "configs" / "teacher").glob("*.yaml"))


def options(part: str, folder: Path, classifier: Path, encoder: Path) -> list[str]:
    """What gives a part its tiny model."""
    if part == "bm25_score":
        return []
    if part == "encoder_score":
        return [f"--teacher.encoder.backbone={encoder}", "--teacher.batch_tokens=1024"]
    makers: dict[str, Callable[[Path], Path]] = {
        "monot5": save_t5,
        "rankt5": save_t5,
        "qwen3_reranker": save_qwen,
        "bge_reranker_gemma": save_gemma,
        "sequence_classifier": lambda _: classifier,
    }
    model = makers[part](folder / "model")
    return [f"--teacher.model={model}", "--teacher.batch_tokens=1024"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_part_file_names_a_teacher_that_scores(
    part: Path, tmp_path: Path, tiny_teacher_dir: Path, tiny_encoder_dir: Path
) -> None:
    frames = {
        "corpus": pl.DataFrame(
            {"passage_id": ["a", "b"], "title": "", "text": ["zip", "sort a list"]}
        ),
        "queries": pl.DataFrame(
            {"query_id": ["q"], "text": "how to sort?", "query_type": "x"}
        ).with_columns(source_passage_id=pl.lit(None, pl.String)),
        "candidates": pl.DataFrame(
            {"query_id": ["q"], "passage_id": [["a", "b"]], "score": [[1.0, 0.0]]}
        ),
    }
    contracts = (schemas.CORPUS, schemas.QUERIES, schemas.RUN)
    files = []
    for (name, frame), schema in zip(frames.items(), contracts, strict=True):
        path = tmp_path / f"{name}.parquet"
        artefacts.write(frame, path, schema, artefacts.Manifest("test"))
        files.append(f"--{name}={path}")
    tiny = options(part.stem, tmp_path, tiny_teacher_dir, tiny_encoder_dir)
    out = tmp_path / "scores.parquet"
    main(["score", *files, f"--out={out}", f"--teacher={part}", *tiny])
    scores = artefacts.read(out, schemas.TEACHER_SCORES)
    assert scores["teacher_score"].list.n_unique().to_list() == [2]
    if part.stem == "bm25_score":
        assert scores["passage_id"].to_list() == [["b", "a"]]
    told = artefacts.read_manifest(out)["settings"]["teacher"]["model"]
    assert told == ("bm25" if part.stem == "bm25_score" else Path(tiny[0]).name)
