"""Fits the committed files of pydocs to the corpus of the running interpreter.

Another Python version lacks some passages. They are taken out of the judgements and of
the teacher's lists, and a query that loses its answer goes with them. Every drop is
counted, in the log and in the manifests.

Run:  python data/pydocs/make_collection.py [--out work/pydocs]   after make_corpus.py
"""

import json
import logging
from pathlib import Path

import polars as pl
from jsonargparse import auto_cli

from dr_lightning import artefacts, schemas

logger = logging.getLogger("pydocs")

HERE = Path(__file__).parent
_STAGE = "make_collection"


def make_collection(
    corpus: Path = HERE / "corpus.parquet",
    out: Path = Path("work/pydocs"),
    overwrite: bool = False,
) -> None:
    """Write the test set and the training data that go with a corpus.

    Args:
        corpus: The corpus that make_corpus.py wrote.
        out: Folder for test_queries, test_qrels and, where the committed files are
            there, queries and teacher_scores.
        overwrite: Whether these files may be replaced.
    """
    known = artefacts.read(corpus, schemas.CORPUS)["passage_id"]
    parts = test_set(HERE / "test.jsonl", known)
    if (HERE / "queries.parquet").exists():
        parts |= training_data(HERE, known)
    for name, (frame, schema, dropped) in parts.items():
        manifest = artefacts.Manifest(
            stage=_STAGE,
            inputs={"corpus": corpus},
            counts={"rows": len(frame)},
            dropped=dropped,
        )
        path = out / f"{name}.parquet"
        artefacts.write(frame, path, schema, manifest, overwrite)
        logger.info("%s: %d rows in %s (dropped %s)", _STAGE, len(frame), path, dropped)


#: Rows, their contract, and what was dropped.
Part = tuple[pl.DataFrame, schemas.Schema, dict[str, int]]


def test_set(path: Path, known: pl.Series) -> dict[str, Part]:
    """Questions and judgements of the test set.

    Args:
        path: Lines of query_id, text and relevant, a map from passage to grade.
        known: Passages of the corpus.
    """
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    judged = pl.DataFrame(
        [
            (row["query_id"], passage, grade)
            for row in rows
            for passage, grade in row["relevant"].items()
        ],
        list(schemas.QRELS.columns),
        orient="row",
    )
    qrels = judged.filter(pl.col("passage_id").is_in(known.implode()))
    questions = pl.DataFrame(
        [(row["query_id"], row["text"], "test", None) for row in rows],
        schemas.QUERIES.columns,
        orient="row",
    )
    queries = questions.join(qrels, on="query_id", how="semi", maintain_order="left")
    no_answer = {"no answer in corpus": len(questions) - len(queries)}
    unknown = {"passage not in corpus": len(judged) - len(qrels)}
    return {
        "test_queries": (queries, schemas.QUERIES, no_answer),
        "test_qrels": (qrels, schemas.QRELS, unknown),
    }


def training_data(folder: Path, known: pl.Series) -> dict[str, Part]:
    """Training queries and the teacher's scores of their candidates.

    Args:
        folder: Where the committed queries and, if there, teacher_scores lie.
        known: Passages of the corpus.
    """
    in_corpus = known.implode()
    queries = artefacts.read(folder / "queries.parquet", schemas.QUERIES)
    kept = queries.filter(pl.col("source_passage_id").is_in(in_corpus))
    no_source = {"source not in corpus": len(queries) - len(kept)}
    parts: dict[str, Part] = {"queries": (kept, schemas.QUERIES, no_source)}
    if (folder / "teacher_scores.parquet").exists():
        scores = artefacts.read(
            folder / "teacher_scores.parquet", schemas.TEACHER_SCORES
        )
        pairs = scores.join(kept, on="query_id", how="semi", maintain_order="left")
        pairs = pairs.explode("passage_id", "teacher_score")
        found = pairs.filter(pl.col("passage_id").is_in(in_corpus))
        lists = found.group_by("query_id", maintain_order=True).all()
        unknown = {"passage not in corpus": len(pairs) - len(found)}
        parts["teacher_scores"] = (lists, schemas.TEACHER_SCORES, unknown)
    return parts


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    auto_cli(make_collection, as_positional=False)
