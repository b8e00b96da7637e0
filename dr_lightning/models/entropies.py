"""Whether teacher and student are about equally sure of their lists."""

from collections.abc import Mapping

from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

ENTROPY_GAP = 0.5
"""Nats between teacher's and student's mean entropies from which KL mostly flattens or
sharpens the student instead of reordering its lists."""


def check_entropies(logged: Mapping[str, Tensor]) -> bool:
    """Warns where the temperatures do not suit the lists.

    Args:
        logged: What a validation logged.

    Returns:
        Whether the entropies were among it.
    """
    names = ("val/teacher_entropy", "val/student_entropy")
    if not all(name in logged for name in names):
        return False
    teacher, student = (float(logged[name]) for name in names)
    if abs(teacher - student) > ENTROPY_GAP:
        rank_zero_warn(
            f"the teacher's lists have a mean entropy of {teacher:.2f} nats, the "
            f"student's {student:.2f}: listwise KL will mostly change how sharp "
            "the student is. Set the objective's teacher_temperature to match."
        )
    return True
