"""BM25 as a teacher: the scores of its run, and 0 elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.candidates import BM25
from dr_lightning.candidates.bm25_score import BM25Score
from dr_lightning.models.teachers import Teacher

TEXTS = ["the wing of an aircraft", "boundary layer flow over a wing", "flow", ""]
QUERIES = ["flow over wings", "the", "layer layer"]
PAIRS = np.array([[q, p] for q in range(3) for p in range(4)])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    frame = pl.DataFrame({"passage_id": list("abcd"), "title": "", "text": TEXTS})
    path = tmp_path / "corpus.parquet"
    artefacts.write(frame, path, schemas.CORPUS, artefacts.Manifest("test"))
    return path


def test_scores_are_those_of_the_run(corpus: Path) -> None:
    bm25 = BM25(k1=0.9, b=0.4)
    teacher: Teacher = BM25Score(corpus, bm25)
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
    teacher = BM25Score(corpus)
    every = teacher.score(QUERIES, TEXTS, PAIRS)
    order = np.random.default_rng(0).permutation(len(PAIRS))[:7]
    np.testing.assert_array_equal(
        teacher.score(QUERIES, TEXTS, PAIRS[order]), every[order]
    )


def test_a_passage_of_another_corpus_is_refused(corpus: Path) -> None:
    teacher = BM25Score(corpus)
    with pytest.raises(ValueError, match=r"'a rocket' is not in .*corpus.parquet"):
        teacher.score(["flow"], ["a rocket"], np.array([[0, 0]]))


def test_fingerprint_changes_with_what_shapes_a_score(corpus: Path) -> None:
    first = BM25Score(corpus).fingerprint
    assert BM25Score(corpus).fingerprint == first
    others = [
        BM25Score(corpus, BM25(k1=1.0)),
        BM25Score(corpus, template="{text}"),
    ]
    assert first not in {other.fingerprint for other in others}
