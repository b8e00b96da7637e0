import pytest
import torch

from dr_lightning.objectives.checks import check_shapes

QUERY, PASSAGE = torch.zeros(2, 4), torch.zeros(3, 4)
LISTS = torch.zeros(2, 5, dtype=torch.int64)


def test_accepts_what_belongs_together() -> None:
    check_shapes(QUERY, PASSAGE, LISTS, torch.zeros(2, 5), LISTS[:, :0])


@pytest.mark.parametrize(
    ("query", "passage"),
    [(QUERY[0], PASSAGE), (QUERY, PASSAGE[:0]), (QUERY[:0], PASSAGE)],
)
def test_refuses_other_than_matrices(
    query: torch.Tensor, passage: torch.Tensor
) -> None:
    with pytest.raises(ValueError, match="must be non-empty matrices"):
        check_shapes(query, passage, LISTS)


def test_refuses_other_dimensions() -> None:
    with pytest.raises(ValueError, match="query has 4 dimensions but passage 3"):
        check_shapes(QUERY, PASSAGE[:, :3], LISTS)


def test_refuses_a_share_of_the_lists() -> None:
    with pytest.raises(
        ValueError, match="lists has 1 rows for 2 queries; give one row"
    ):
        check_shapes(QUERY, PASSAGE, LISTS[:1])
    with pytest.raises(ValueError, match="excluded has 1 rows for 2 queries"):
        check_shapes(QUERY, PASSAGE, LISTS, None, LISTS[:1])


def test_refuses_teacher_scores_of_other_lists() -> None:
    with pytest.raises(ValueError, match=r"teacher_scores has the shape \(2, 4\)"):
        check_shapes(QUERY, PASSAGE, LISTS, torch.zeros(2, 4))
