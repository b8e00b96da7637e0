"""`curate`: queries and teacher scores become training lists.

The function lies below the stages, since the data module calls it too.
"""

from dr_lightning.curation.files import curate

__all__ = ["curate"]
