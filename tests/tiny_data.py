"""A collection small enough to read: 40 passages on 8 subjects, 24 queries."""

from pathlib import Path

import numpy as np
import polars as pl

from dr_lightning import artefacts, schemas

SUBJECTS = ["river", "engine", "bread", "planet", "violin", "bridge", "forest", "coin"]
PLACES = ["north", "south", "east", "west", "centre"]
QUERIES_A_SUBJECT = 3


def write_tiny(folder: Path) -> Path:
    """Writes corpus, queries, qrels, and train and dev lists of 6 passages.

    Query i of a subject is about its first passage; the list holds that passage, the
    subject's other four, and one of the next subject. Train: the first two queries of
    each subject, dev: the third.
    """
    corpus = pl.DataFrame(
        {
            "passage_id": [f"{s}-{p}" for s in SUBJECTS for p in PLACES],
            "title": [s for s in SUBJECTS for _ in PLACES],
            "text": [f"the {s} of the {p} {p}" for s in SUBJECTS for p in PLACES],
        }
    )
    lists = pl.DataFrame(
        [_list(s, number) for s in range(len(SUBJECTS)) for number in range(3)]
    )
    queries = lists.select(
        "query_id",
        "text",
        query_type=pl.lit("human"),
        source_passage_id=pl.lit(None, dtype=pl.String),
    )
    qrels = lists.select(
        "query_id", passage_id=pl.col("passage_id").list.first(), relevance=pl.lit(1)
    )
    dev = pl.col("query_id").str.ends_with("2")
    frames = {
        "corpus": (corpus, schemas.CORPUS),
        "queries": (queries, schemas.QUERIES),
        "qrels": (qrels, schemas.QRELS),
        "train": (lists.filter(~dev), schemas.TRAINING_LISTS),
        "dev": (lists.filter(dev), schemas.TRAINING_LISTS),
    }
    for name, (frame, schema) in frames.items():
        manifest = artefacts.Manifest(stage="test")
        artefacts.write(frame, folder / f"{name}.parquet", schema, manifest)
    return folder


def _list(subject: int, number: int) -> dict[str, object]:
    own, other = SUBJECTS[subject], SUBJECTS[(subject + 1) % len(SUBJECTS)]
    place = PLACES[number]
    rest = [p for p in PLACES if p != place]
    passages = [f"{own}-{place}", *(f"{own}-{p}" for p in rest), f"{other}-{place}"]
    return {
        "query_id": f"q{subject}{number}",
        "text": f"where is the {own} {place}",
        "query_type": "human",
        "passage_id": passages,
        "teacher_score": np.linspace(1, 0, len(passages)).tolist(),
        "excluded_id": [f"{other}-{place}"] if number == 1 else [],
    }
