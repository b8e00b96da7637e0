"""`curate`: queries and teacher scores become training lists."""

from pathlib import Path

from dr_lightning.curation.files import curate_files
from dr_lightning.curation.rules import DEFAULT_RULES, ListRules


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
    curate_files(
        queries,
        out,
        teacher_scores,
        candidates,
        qrels,
        rules,
        dev_share,
        seed,
        overwrite,
    )
