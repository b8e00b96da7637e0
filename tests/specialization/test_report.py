"""What the report says of a comparison, in a sentence; and of queries, as text."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.specialization.report import _samples, verdict

GAINS = {
    "Better than the base in AP: +0.1": [0.1, 0.2, 0.1, 0.2, 0.1, 0.2],
    "Worse than the base in AP: -0.1": [-0.1, -0.2, -0.1, -0.2, -0.1, -0.2],
    "No difference from the base in AP that 6 queries": [0.1, -0.2, 0.1, -0.1, 0.1, 0],
    "A single query tells nothing": [0.3],
}


@pytest.mark.parametrize(("told", "gains"), GAINS.items())
def test_a_difference_beyond_chance_is_told_from_one_within(
    told: str, gains: list[float]
) -> None:
    ids = [f"q{row}" for row in range(len(gains))]
    base = pl.DataFrame({"query_id": ids, "AP": [0.5] * len(gains)})
    specialised = base.with_columns(AP=pl.col("AP") + pl.Series(gains))
    found = verdict({"base": base, "specialised": specialised})
    assert found.startswith(told)
    assert ("Keep the base" in found) == ("Worse" in told)


def test_a_query_that_looks_like_markdown_is_text(tmp_path: Path) -> None:
    path = tmp_path / "queries.parquet"
    row = {"query_id": "q", "text": "![x](http://e)", "query_type": "my_*type*"}
    frame = pl.DataFrame([row | {"source_passage_id": "p"}])
    artefacts.write(frame, path, schemas.QUERIES, artefacts.Manifest("test"))
    layout: Any = SimpleNamespace(queries=[path])
    told = "\n".join(_samples(layout))
    assert r"- !\[x\](http://e)" in told
    assert r"**my\_\*type\***" in told
