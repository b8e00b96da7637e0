"""The stage that turns queries and teacher scores into training lists."""

import logging
from dataclasses import asdict
from pathlib import Path

from dr_lightning import artefacts, schemas
from dr_lightning.curation.rules import DEFAULT_RULES, ListRules
from dr_lightning.curation.split import split_lists
from dr_lightning.curation.statistics import drop_counts, list_statistics

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
        ValueError: If the options do not fit together, the input is not in its schema,
            or no list is left.
        FileExistsError: If an output exists and `overwrite` is false.
    """
    scores = _several(teacher_scores)
    _check_options(scores, candidates)
    paths = {name: out / f"{name}.parquet" for name in OUTPUTS}
    inputs = _named("queries", _several(queries)) | _named("teacher_scores", scores)
    inputs |= _named("candidates", _several(candidates))
    inputs |= _named("qrels", _several(qrels))
    asked = _read_queries(_several(queries))
    judgements = None if qrels is None else artefacts.read(qrels, schemas.QRELS)
    made, extra = _make_lists(asked, scores, candidates, judgements, rules)
    _check_any_left(made)
    train, dev = split_lists(made.lists, dev_share, seed)
    manifest = artefacts.Manifest(
        stage="curate",
        settings=asdict(rules) | {"dev_share": dev_share, "seed": seed},
        inputs=inputs,
        counts={"queries": len(asked), "train": len(train), "dev": len(dev)},
        dropped=drop_counts(made.judged),
        extra=extra | {"query_types": list_statistics(made)},
    )
    dev_queries = asked.join(dev, on="query_id", how="semi", maintain_order="left")
    frames = [train, dev, dev_queries, _positives(dev)]
    for (name, schema), frame in zip(OUTPUTS.items(), frames, strict=True):
        artefacts.write(frame, paths[name], schema, manifest, overwrite=overwrite)
    _log(made, train, dev, out)
