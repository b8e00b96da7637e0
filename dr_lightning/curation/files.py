"""Files of queries and scores in, files of training lists out.

What the `curate` command does, and the data module where it is given scored queries.
"""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.curation.lists import Curated, contrastive_lists, distillation_lists
from dr_lightning.curation.rules import DEFAULT_RULES, ListRules
from dr_lightning.curation.scores import average_teachers
from dr_lightning.curation.split import split_lists
from dr_lightning.curation.statistics import drop_counts, list_statistics
from dr_lightning.inputs import as_list, named, read_queries

logger = logging.getLogger(__name__)

OUTPUTS = {
    "train": schemas.TRAINING_LISTS,
    "dev": schemas.TRAINING_LISTS,
    "dev_queries": schemas.QUERIES,
    "dev_qrels": schemas.QRELS,
}


def curate(
    queries: list[Path] | Path,
    out: Path,
    teacher_scores: list[Path] | Path | None = None,
    candidates: Path | None = None,
    qrels: Path | None = None,
    rules: ListRules = DEFAULT_RULES,
    dev_share: float = 0.1,
    seed: int = 13,
    overwrite: bool = False,
) -> None:
    """Turn queries and teacher scores into training lists.

    Writes train.parquet and dev.parquet, and dev_queries.parquet and dev_qrels.parquet
    (the positive of each dev list, relevance 1), with a manifest each. No passage has
    queries on both sides.

    Args:
        queries: Queries; several files are joined.
        out: Folder to write.
        teacher_scores: Scores of the teacher; of several teachers, each is normalised
            and their mean taken over the candidates that all of them scored.
        candidates: A run, in place of teacher scores: makes lists for InfoNCE alone.
        qrels: Judgements; needed for human queries, which have no source passage.
        rules: Lengths, percentiles and filters.
        dev_share: Share of the lists for dev, above 0 and below 1.
        seed: Seed of the split.
        overwrite: Replace what is there.

    Raises:
        ValueError: If the options do not fit together, an input breaks its schema, an
            output exists and may not be replaced, or no list is left.
    """
    started = time.monotonic()
    teachers = as_list(teacher_scores)
    paths = {name: out / f"{name}.parquet" for name in OUTPUTS}
    _check_options(teachers, candidates, list(paths.values()), overwrite)
    asked = read_queries(as_list(queries))
    judgements = None if qrels is None else artefacts.read(qrels, schemas.QRELS)
    made, extra = _make_lists(asked, teachers, candidates, judgements, rules)
    _check_any_left(made)
    train, dev = split_lists(made.lists, dev_share, seed)
    manifest = artefacts.Manifest(
        stage="curate",
        settings=asdict(rules) | {"dev_share": dev_share, "seed": seed},
        inputs=named("queries", as_list(queries))
        | named("teacher_scores", teachers)
        | named("candidates", as_list(candidates))
        | named("qrels", as_list(qrels)),
        counts={"queries": len(asked), "train": len(train), "dev": len(dev)},
        dropped=drop_counts(made.judged),
        extra=extra | {"query_types": list_statistics(made)},
        started=started,
    )
    dev_queries = asked.join(dev, on="query_id", how="semi", maintain_order="left")
    frames = [train, dev, dev_queries, _positives(dev)]
    for (name, schema), frame in zip(OUTPUTS.items(), frames, strict=True):
        artefacts.write(frame, paths[name], schema, manifest, overwrite)
    _log(made, train, dev, out)


def _check_options(
    teachers: list[Path], candidates: Path | None, outputs: list[Path], overwrite: bool
) -> None:
    if bool(teachers) == (candidates is not None):
        got = "both" if teachers else "neither"
        msg = (
            f"curate needs teacher_scores or candidates, but got {got}. Give "
            "teacher_scores (written by `score`) for listwise distillation, or "
            "candidates (written by `retrieve`) for InfoNCE without a teacher."
        )
        raise ValueError(msg)
    for path in outputs:
        artefacts.refuse_existing(path, overwrite)


def _make_lists(
    queries: pl.DataFrame,
    teachers: list[Path],
    candidates: Path | None,
    qrels: pl.DataFrame | None,
    rules: ListRules,
) -> tuple[Curated, dict[str, Any]]:
    """The lists, and what the manifest says of the candidates."""
    if candidates is not None:
        run = artefacts.read(candidates, schemas.RUN)
        unknown = _count_unknown(queries, [run])
        made = contrastive_lists(queries, run, qrels, rules)
        return made, {"candidates_of_unknown_queries": unknown}
    _check_complete(teachers, rules)
    frames = [artefacts.read(path, schemas.TEACHER_SCORES) for path in teachers]
    unknown = _count_unknown(queries, frames)
    scores, unshared = average_teachers(queries, frames, rules)
    made = distillation_lists(queries, scores, qrels, rules)
    return made, {
        "candidates_of_unknown_queries": unknown,
        "candidates_another_teacher_lacks": unshared,
    }


def _check_complete(teachers: list[Path], rules: ListRules) -> None:
    """Refuses scores that fail-fast scoring left gaps in where gaps would matter."""
    if len(teachers) == 1 and rules.drop_beaten_source:
        return
    for path in teachers:
        counts = artefacts.read_manifest(path).get("counts", {})
        if spared := counts.get("pairs_not_needed", 0):
            use = "several teachers" if len(teachers) > 1 else "drop_beaten_source off"
            msg = (
                f"{path}: fail-fast scoring left out {spared:,} pairs of queries whose "
                f"source passage is beaten, but with {use} all must be scored. Score "
                "again with `score --fail_fast false`; `--reuse` takes these scores "
                "over."
            )
            raise ValueError(msg)


def _count_unknown(queries: pl.DataFrame, candidates: list[pl.DataFrame]) -> list[int]:
    """How many rows of each file belong to no query; a warning where there are any."""
    counts = [
        len(frame.join(queries, on="query_id", how="anti")) for frame in candidates
    ]
    if any(counts):
        logger.warning(
            "%s rows of scored candidates belong to no query and are left out. Give "
            "their queries too if they were meant.",
            f"{sum(counts):,}",
        )
    return counts


def _check_any_left(made: Curated) -> None:
    if made.lists.is_empty():
        msg = (
            f"no training list is left of {len(made.judged)} queries: "
            f"{_reasons(made)}. Check that the candidates belong to these queries, or "
            "relax the rules, such as rules.min_candidates on a small corpus."
        )
        raise ValueError(msg)


def _positives(lists: pl.DataFrame) -> pl.DataFrame:
    """Qrels of the lists: the positive, relevance 1."""
    return lists.select(
        "query_id",
        pl.col("passage_id").list.first(),
        relevance=pl.lit(1, pl.Int64),
    )


def _reasons(made: Curated) -> str:
    counts = drop_counts(made.judged)
    listed = [f"{count:,} {reason}" for reason, count in counts.items()]
    return ", ".join(listed) or "none"


def _log(made: Curated, train: pl.DataFrame, dev: pl.DataFrame, out: Path) -> None:
    logger.info(
        "curate: %s queries -> %s train and %s dev lists in %s (dropped: %s)",
        f"{len(made.judged):,}",
        f"{len(train):,}",
        f"{len(dev):,}",
        out,
        _reasons(made),
    )
