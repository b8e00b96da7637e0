"""What `ingest` reads: files, folders, data sets, all seen as tables of text fields."""

from dr_lightning.sources.collection import Collection, Split, open_collection
from dr_lightning.sources.fields import Fields
from dr_lightning.sources.table import Table

__all__ = ["Collection", "Fields", "Split", "Table", "open_collection"]
