"""`deduplicate`: the passages that queries are written for, and why others are not."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.deduplication import DEFAULT_RULES, DuplicateRules, find_duplicates
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template, passage_text

logger = logging.getLogger(__name__)

HELD_OUT = "held_out"


def deduplicate(
    corpus: Path,
    out: Path,
    held_out: Path | None = None,
    sample: int | None = 100_000,
    seed: int = 13,
    rules: DuplicateRules = DEFAULT_RULES,
    template: str = PASSAGE_TEMPLATE,
    overwrite: bool = False,
) -> None:
    """Drop passages that another one can stand for, and draw a sample.

    Writes OUT/corpus.parquet, the passages to write queries for, and
    OUT/dropped.parquet: each other passage with the reason and, where it is a
    duplicate, the passage that stands for it. The reasons are held_out, too_short,
    equal, contained and not_sampled; where two apply, the first counts.

    `retrieve` leaves the dropped passages out of the candidates, but not those that are
    merely not in the sample. `evaluate` always searches the corpus as it was ingested.

    Args:
        corpus: The corpus artefact.
        out: Folder to write.
        held_out: A text file with a passage id a line: no query is written for them.
            They may still stand for their duplicates, which are then left out too.
        sample: How many of the passages that are left to draw; null = all.
        seed: Seed of the sample.
        rules: What counts as a duplicate.
        template: Joins title and text.
        overwrite: Replace what is there.

    Raises:
        ValueError: If an option is out of its range, an id to hold out is not in the
            corpus, no passage is left, or an output exists and may not be replaced.
    """
    started = time.monotonic()
    check_template(template)
    if sample is not None and sample < 1:
        msg = f"sample must be at least 1, or null for all passages, but got {sample}."
        raise ValueError(msg)
    paths = out / "corpus.parquet", out / "dropped.parquet"
    for path in paths:
        artefacts.refuse_existing(path, overwrite)
    passages = artefacts.scan(corpus, schemas.CORPUS)
    ids = passages.select("passage_id").collect()
    held = _read_held_out(held_out, ids, corpus)
    texts = passages.select("passage_id", passage_text(template).alias("text"))
    dropped = _dropped(ids, held, find_duplicates(texts, rules), sample, seed)
    counts = _counts(dropped)
    if len(dropped) == len(ids):
        msg = f"{corpus}: no passage is left of {len(ids):,} ({_told(counts)})."
        raise ValueError(msg + " Relax the rules, or give a larger corpus.")
    inputs = {"corpus": corpus} | ({} if held_out is None else {"held_out": held_out})
    manifest = artefacts.Manifest(
        stage="deduplicate",
        settings={
            "rules": asdict(rules),
            "sample": sample,
            "seed": seed,
            "template": template,
        },
        inputs=inputs,
        counts={"read": len(ids), "written": len(ids) - len(dropped)},
        dropped=counts,
        started=started,
    )
    kept = passages.join(
        dropped.lazy(), on="passage_id", how="anti", maintain_order="left"
    )
    artefacts.write(kept, paths[0], schemas.CORPUS, manifest, overwrite)
    artefacts.write(dropped, paths[1], schemas.DROPPED, manifest, overwrite)
    logger.info(
        "deduplicate: %s -> %s passages in %s (dropped: %s)",
        f"{len(ids):,}",
        f"{len(ids) - len(dropped):,}",
        out,
        _told(counts),
    )


def _read_held_out(path: Path | None, ids: pl.DataFrame, corpus: Path) -> pl.DataFrame:
    """The ids of a file: column passage_id, each once."""
    if path is None:
        return ids.clear()
    if not path.is_file():
        msg = f"{path}: no such file. Give a text file with a passage id a line."
        raise ValueError(msg)
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    held = pl.DataFrame({"passage_id": [line for line in lines if line]}, ids.schema)
    held = held.unique(maintain_order=True)
    unknown = held.join(ids, on="passage_id", how="anti", maintain_order="left")
    if len(unknown):
        msg = (
            f"{path}: {len(unknown):,} of {len(held):,} ids to hold out are not in "
            f"{corpus}, such as {unknown.item(0, 0)!r}. Give a passage id a line."
        )
        raise ValueError(msg)
    return held


def _dropped(
    ids: pl.DataFrame,
    held: pl.DataFrame,
    duplicates: pl.DataFrame,
    sample: int | None,
    seed: int,
) -> pl.DataFrame:
    """Columns of `dropped`, in corpus order."""
    representative = pl.lit(None, pl.String).alias("representative_id")
    both = pl.concat(
        [
            held.select("passage_id", pl.lit(HELD_OUT).alias("reason"), representative),
            duplicates.join(held, on="passage_id", how="anti"),
        ]
    )
    frame = ids.join(both, on="passage_id", how="left", maintain_order="left")
    left = frame["reason"].is_null().arg_true().to_numpy()
    if sample is not None and sample < len(left):
        drawn = np.random.default_rng(seed).choice(left, sample, replace=False)
        rows = pl.int_range(pl.len())
        others = pl.col("reason").is_null() & ~rows.is_in(drawn)
        frame = frame.with_columns(
            reason=pl.when(others).then(pl.lit(schemas.NOT_SAMPLED)).otherwise("reason")
        )
    return frame.drop_nulls("reason")


def _counts(dropped: pl.DataFrame) -> dict[str, int]:
    counts = dropped.group_by("reason").len().sort("len", "reason", descending=True)
    return dict(counts.iter_rows())


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items()) or "0"
