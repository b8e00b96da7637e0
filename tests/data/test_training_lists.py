"""Lists by row of the corpus, and which passages of a list are taken."""

import numpy as np
import polars as pl
import pytest

from dr_lightning import schemas
from dr_lightning.data.training_lists import (
    ListSampling,
    TrainingLists,
    training_lists,
)

CORPUS = pl.Series(["a", "b", "c", "d", "e"])


def frame(**columns: list[object]) -> pl.DataFrame:
    whole: dict[str, list[object]] = {
        "query_id": ["q0", "q1", "q2"],
        "text": ["x", "y", "z"],
        "query_type": ["human", "claim", "human"],
        "passage_id": [["c", "a", "e"], ["b"], ["a", "d"]],
        "teacher_score": [[1.0, 0.5, 0.25], [0.75], [0.5, 0.0]],
        "excluded_id": [[], ["d", "a"], ["e"]],
    }
    return pl.DataFrame(whole | columns, schema=dict(schemas.TRAINING_LISTS.columns))


def lists(**columns: list[object]) -> TrainingLists:
    return training_lists(frame(**columns), CORPUS, "lists.parquet")


def test_ids_become_rows_of_the_corpus_padded_to_one_width() -> None:
    found = lists()
    assert found.passage.tolist() == [[2, 0, 4], [1, -1, -1], [0, 3, -1]]
    assert found.excluded.tolist() == [[-1, -1], [3, 0], [4, -1]]
    assert found.teacher_score is not None
    assert found.teacher_score.tolist() == [[1, 0.5, 0.25], [0.75, 0, 0], [0.5, 0, 0]]
    assert found.lengths.tolist() == [3, 1, 2]
    assert (len(found), found.width) == (3, 3)
    assert found.query_id.to_list() == ["q0", "q1", "q2"]
    assert found.query_type.to_list() == ["human", "claim", "human"]


def test_lists_without_excluded_passages_or_teacher() -> None:
    found = lists(excluded_id=[[], [], []], teacher_score=[None, None, None])
    assert found.excluded.shape == (3, 0) or (found.excluded == -1).all()
    assert found.teacher_score is None


@pytest.mark.parametrize("column", ["passage_id", "excluded_id"])
def test_passages_that_the_corpus_lacks_are_named(column: str) -> None:
    message = (
        rf"lists\.parquet: column '{column}' names 2 passages that the corpus lacks, "
        "'zz' of query 'q1' first"
    )
    columns: list[object] = [["a", "b", "c"], ["zz"], ["a", "yy"]]
    with pytest.raises(ValueError, match=message):
        lists(**{column: columns})


def test_some_lists_without_teacher_scores_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 of 3 lists have no teacher scores"):
        lists(teacher_score=[[1.0, 0.5, 0.25], None, [0.5, 0.0]])


def padded(count: int = 40, width: int = 9) -> np.ndarray:
    generator = np.random.default_rng(2)
    passage = generator.permuted(np.tile(np.arange(50), (count, 1)), axis=1)[:, :width]
    lengths = generator.integers(1, width + 1, count)
    passage[np.arange(width)[None, :] >= lengths[:, None]] = -1
    return passage


@pytest.mark.parametrize("method", ["top", "random"])
@pytest.mark.parametrize("length", [1, 2, 5, 9, 20])
def test_sampling_keeps_the_positive_first_and_the_order_of_the_list(
    method: str, length: int
) -> None:
    passage = padded()
    sampling = ListSampling(length, method)  # type: ignore[arg-type]
    slots = sampling.slots(passage, np.random.default_rng(1))
    assert slots.shape == (40, min(length, 9))
    assert (slots[:, 0] == 0).all()
    assert (np.diff(slots, axis=1) > 0).all()
    # An empty slot is taken only where the list has no more passages.
    kept = (np.take_along_axis(passage, slots, axis=1) >= 0).sum(1)
    np.testing.assert_array_equal(kept, np.minimum((passage >= 0).sum(1), length))


def test_random_sampling_takes_every_passage_at_times() -> None:
    passage = np.arange(9)[None, :]
    generator = np.random.default_rng(0)
    sampling = ListSampling(3, "random")
    drawn = np.concatenate([sampling.slots(passage, generator) for _ in range(400)])
    counts = np.bincount(drawn.ravel(), minlength=9)
    assert counts[0] == 400
    assert counts[1:] == pytest.approx([100] * 8, rel=0.4)
    top = ListSampling(3, "top").slots(passage, generator)
    assert top.tolist() == [[0, 1, 2]]


def test_lists_of_no_passages_are_refused() -> None:
    with pytest.raises(ValueError, match="length must be at least 1, but got 0"):
        ListSampling(0)
