"""What can be wrong with a batch or a setting, seen without looking at the device."""

import math

from torch import Tensor


def check_shapes(
    query: Tensor,
    passage: Tensor,
    lists: Tensor,
    teacher_scores: Tensor | None = None,
    excluded: Tensor | None = None,
) -> None:
    """Checks that the tensors of a batch belong together, by their shapes alone.

    Raises:
        ValueError: If they do not.

    Example:
        >>> import torch
        >>> lists = torch.tensor([[0, 1], [2, -1]])
        >>> check_shapes(torch.zeros(2, 4), torch.zeros(3, 4), lists)
    """
    sizes = [tuple(tensor.shape) for tensor in (query, passage, lists)]
    if [len(size) for size in sizes] != [2, 2, 2] or 0 in sizes[0] + sizes[1]:
        msg = (
            "query, passage and lists must be non-empty matrices (queries, dim), "
            f"(passages, dim) and (queries, slots), but have the shapes {sizes}."
        )
        raise ValueError(msg)
    if sizes[0][1] != sizes[1][1]:
        msg = (
            f"query has {sizes[0][1]} dimensions but passage {sizes[1][1]}; both must "
            "come from encoders with the same output."
        )
        raise ValueError(msg)
    others = {"lists": lists, "teacher_scores": teacher_scores, "excluded": excluded}
    for name, tensor in others.items():
        if tensor is not None and len(tensor) != len(query):
            msg = (
                f"{name} has {len(tensor)} rows for {len(query)} queries; give one row "
                "a query, of all ranks also where `rows` picks some."
            )
            raise ValueError(msg)
    if teacher_scores is not None and teacher_scores.shape != lists.shape:
        msg = (
            f"teacher_scores has the shape {tuple(teacher_scores.shape)} but lists "
            f"{sizes[2]}; give one score a slot."
        )
        raise ValueError(msg)


def check_positive(name: str, value: float) -> None:
    """Checks that a setting is a finite number above 0.

    Raises:
        ValueError: If it is not.

    Example:
        >>> check_positive("temperature", 0.05)
    """
    if not (math.isfinite(value) and value > 0):
        msg = f"{name} must be a finite number above 0, but got {value}."
        raise ValueError(msg)
