"""The settings of deduplication: what is compared, and with how many others."""

from dataclasses import dataclass
from typing import Literal

from dr_lightning.deduplication.normal_form import NormalForm


@dataclass(frozen=True)
class DuplicateRules:
    """Which passages are duplicates; the defaults are arXiv 2502.19712's.

    Args:
        compare: `off`: nothing is a duplicate. `exact`: of passages with equal normal
            forms the last in corpus order stays. `neighbours`: also drop a passage
            that is contained in one of its next neighbours in sorted order, or in one
            of the next in the order of the reversed texts.
        normal_form: What is compared: NFKC, lower-case, without accents, digits,
            punctuation and symbols. `method` takes every mark for an accent: right for
            Latin, Greek and Cyrillic, but it drops vowel signs and tones of Devanagari,
            Thai and others, so different words become equal. `keep_marks` keeps these.
        min_characters: A passage whose normal form has fewer is dropped; not with
            `off`.
        neighbours: How many of the next neighbours are looked at, in either order.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> DuplicateRules().neighbours
        9
    """

    compare: Literal["off", "exact", "neighbours"] = "neighbours"
    normal_form: NormalForm = "method"
    min_characters: int = 10
    neighbours: int = 9

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.min_characters < 0:
            msg = f"min_characters must be 0 or more, but got {self.min_characters}."
            raise ValueError(msg)
        if self.neighbours < 1:
            msg = (
                f"neighbours must be at least 1, but got {self.neighbours}. To drop "
                f"equal passages alone, set compare to exact."
            )
            raise ValueError(msg)


DEFAULT_RULES = DuplicateRules()
"""The paper's settings."""
