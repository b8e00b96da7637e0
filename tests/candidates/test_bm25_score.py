"""BM25 as a teacher: the scores of its run, and 0 elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.candidates import BM25
from dr_lightning.candidates.bm25_score import BM25Score
from dr_lightning.models.teachers import ReadsCorpus, Teacher
from dr_lightning.texts import PASSAGE_TEMPLATE

TEXTS = ["the wing of an aircraft", "boundary layer flow over a wing", "flow", ""]
QUERIES = ["flow over wings", "the", "layer layer"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    frame = pl.DataFrame({"passage_id": list("abcd"), "title": "", "text": TEXTS})
    path = tmp_path / "corpus.parquet"
    artefacts.write(frame, path, schemas.CORPUS, artefacts.Manifest("test"))
    return path


def reading(corpus: Path, bm25: BM25 | None = None) -> BM25Score:
    teacher = BM25Score(bm25)
    teacher.read_corpus(corpus, PASSAGE_TEMPLATE)
    return teacher


def test_scores_are_those_of_the_run(corpus: Path) -> None:
    bm25 = BM25(k1=0.9, b=0.4)
    teacher: Teacher = reading(corpus, bm25)
    assert isinstance(teacher, ReadsCorpus)
    scores = teacher.score(QUERIES, TEXTS, PAIRS).reshape(3, 4)
    top = bm25.search(pl.LazyFrame({"text": TEXTS}), pl.Series(QUERIES), depth=4)
    wanted = np.zeros((3, 4), dtype=np.float32)
    for query in range(3):
        found = top.rows[query] >= 0
        wanted[query, top.rows[query][found]] = top.scores[query][found]
    np.testing.assert_array_equal(scores, wanted)
    assert (scores[1] == 0).all()  # stop words alone
    assert (scores[0] > 0).sum() == 3


def test_some_pairs_in_any_order(corpus: Path) -> None:
    teacher = reading(corpus)
    every = teacher.score(QUERIES, TEXTS, PAIRS)
    order = np.random.default_rng(0).permutation(len(PAIRS))[:7]
    np.testing.assert_array_equal(
        teacher.score(QUERIES, TEXTS, PAIRS[order]), every[order]
    )


def test_fingerprint_changes_with_what_shapes_a_score() -> None:
    assert BM25Score().fingerprint == BM25Score(BM25()).fingerprint
    assert BM25Score().fingerprint != BM25Score(BM25(k1=1.0)).fingerprint
