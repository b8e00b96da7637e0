"""Finds the passages of a corpus that another one of its passages can stand for.

`normal_form` is what is compared, `containers` finds texts within their neighbours,
`duplicates` puts both together.
"""

from dr_lightning.deduplication.duplicates import find_duplicates
from dr_lightning.deduplication.rules import DEFAULT_RULES, DuplicateRules

__all__ = ["DEFAULT_RULES", "DuplicateRules", "find_duplicates"]
