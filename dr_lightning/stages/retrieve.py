"""`retrieve`: candidates of each query, by an encoder, by words, or from given runs."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning import artefacts, schemas
from dr_lightning.candidates import BM25, HardNegatives
from dr_lightning.candidates.dense import DenseSearch
from dr_lightning.candidates.filtering import filter_run
from dr_lightning.candidates.fusion import join_runs
from dr_lightning.candidates.given import read_candidates
from dr_lightning.candidates.material import Material
from dr_lightning.candidates.options import Retrievers, check_numbers
from dr_lightning.candidates.positives import find_positives
from dr_lightning.metrics import evaluate_run, means
from dr_lightning.models.encoder import Encoder
from dr_lightning.parts import Shard
from dr_lightning.retrieval import Encoding, Retriever
from dr_lightning.search import ExactSearch, Search
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template

logger = logging.getLogger(__name__)

MEASURES = ["nDCG@10", "R@100"]


def retrieve(
    corpus: Path,
    queries: Path,
    out: Path,
    encoder: Encoder | None = None,
    bm25: BM25 | None = None,
    runs: list[Path] | Path | None = None,
    qrels: Path | None = None,
    dropped: Path | None = None,
    depth: int = 100,
    source_depth: int | None = 20,
    fusion_k: int = 60,
    negatives: HardNegatives | None = None,
    template: str = PASSAGE_TEMPLATE,
    encoding: Encoding | None = None,
    search: Search | None = None,
    cache: Path | None = None,
    part_passages: int = 50_000,
    shard: str = "1/1",
    overwrite: bool = False,
) -> None:
    """Find the best passages of a corpus for each query.

    By an encoder, by words (BM25), from given runs; several are fused by reciprocal
    rank. A synthetic query stays only if the passage it was written for is among the
    best `source_depth` (of the fused list): the student can already find it, and the
    query is about it.

    The corpus is encoded in parts, which are kept beside `out`, in a folder that ends
    in `.parts`; the same command started again goes on where it stopped. Several
    workers share them with `shard` 1/4, 2/4 and so on: they write parts only. Once they
    are done, the same command without `shard` does the rest and deletes the parts.

    Args:
        corpus: The corpus artefact.
        queries: The queries artefact.
        out: Where the run goes, a parquet file.
        encoder: The student before training, or any other; `--encoder.backbone DIR`.
        bm25: Settings of BM25; `--bm25 '{}'` takes them as they are.
        runs: Runs of these queries over this corpus, parquet or TREC files.
        qrels: Judgements; if given, the run's nDCG@10 and R@100 are told, as they are
            before any filter. Their relevant passages are no `negatives`.
        dropped: What `deduplicate` dropped: these passages are no candidates, except
            those that were merely not sampled.
        depth: Passages a query, of each retriever and of the fused list.
        source_depth: How deep a query's source passage may stand; null = no filter.
        fusion_k: Fusion scores a passage by the sum of 1 / (fusion_k + rank).
        negatives: Removes candidates that shall be no hard negatives; null = none.
        template: Joins title and text.
        encoding: Device, precision, tokens at once.
        search: What searches the embeddings; exact by default. Others, whose index
            holds all passages, make one part.
        cache: Folder of token stores; null = the user's cache folder.
        part_passages: Passages a part: what a stop loses at most, and what is held in
            memory as embeddings.
        shard: Which worker of how many, such as 2/4.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ValueError: If the options do not fit together, `out` exists and `overwrite` is
            false, or an input has nothing for these queries.
    """
    started = time.monotonic()
    worker = Shard.parse(shard)
    given = [runs] if isinstance(runs, Path) else runs or []
    check_numbers(depth, source_depth, fusion_k, part_passages)
    searcher = search or ExactSearch()
    exact = isinstance(searcher, ExactSearch)
    retrievers = Retrievers(encoder is not None, exact, bm25 is not None, given)
    retrievers.check(worker, negatives)
    _check_out(out, overwrite)
    material = Material(corpus, queries, dropped, check_template(template), cache)
    judged = None if qrels is None else artefacts.read(qrels, schemas.QRELS)
    positives = negatives and find_positives(material.asked, judged, dropped)
    names = material.asked["query_id"], material.passage_id
    read = [read_candidates(path, *names) for path in given]
    found = [(str(path), run) for path, (run, _) in zip(given, read, strict=True)]
    dense = None
    if encoder is not None:
        retriever = Retriever(encoder, encoding or Encoding(), searcher)
        folder = out.with_name(f"{out.stem}.parts")
        dense = DenseSearch(retriever, material, depth, folder, part_passages)
        dense.compute(worker)
        if worker.of > 1:
            left = len(dense.parts.todo(Shard()))
            logger.info("retrieve: worker %s is done, %d parts are left", worker, left)
            return
        found.append(("dense", dense.run()))
    if bm25 is not None:
        found.append(("bm25", bm25.run(material, depth)))
    run = join_runs([some for _, some in found], names[0], depth, fusion_k)
    kept = filter_run(run, material.asked, source_depth, positives, negatives)
    lost = kept.dropped | _left_out(sum(count for _, count in read))
    manifest = artefacts.Manifest(
        stage="retrieve",
        settings={
            "encoder": encoder and encoder.name,
            "bm25": bm25 and bm25.settings,
            "depth": depth,
            "source_depth": source_depth,
            "fusion_k": fusion_k,
            "negatives": negatives and asdict(negatives),
            "template": template,
            "precision": (encoding or Encoding()).precision,
            "search": type(searcher).__name__,
            "part_passages": part_passages,
        },
        inputs=material.inputs | _named(given, qrels),
        counts={"queries": len(names[0]), "runs": len(kept.run)}
        | {"passages": len(names[1])},
        dropped=lost,
        extra=_quality(run, judged) | kept.noted | _each(found, judged),
        started=started,
    )
    artefacts.write(kept.run, out, schemas.RUN, manifest, overwrite)
    if dense is not None:
        dense.parts.remove()
    _log(manifest, depth)


def _check_out(out: Path, overwrite: bool) -> None:
    if out.suffix != ".parquet":
        msg = f"out must be a file that ends in .parquet, but got {str(out)!r}."
        raise ValueError(msg)
    artefacts.refuse_existing(out, overwrite)


def _left_out(count: int) -> dict[str, int]:
    return {"given passages that are no candidates": count} if count else {}


def _named(given: list[Path], qrels: Path | None) -> dict[str, Path]:
    named = {f"run_{number}": path for number, path in enumerate(given, 1)}
    return named | ({} if qrels is None else {"qrels": qrels})


def _quality(run: pl.DataFrame, qrels: pl.DataFrame | None) -> dict[str, float]:
    if qrels is None:
        return {}
    return means(evaluate_run(run, qrels, MEASURES))


def _each(
    found: list[tuple[str, pl.DataFrame]], qrels: pl.DataFrame | None
) -> dict[str, list[dict[str, Any]]]:
    """What each of several retrievers found."""
    if len(found) == 1:
        return {}
    told = [
        {"name": name, "lists": len(run)} | _quality(run, qrels) for name, run in found
    ]
    return {"retrievers": told}


def _log(manifest: artefacts.Manifest, depth: int) -> None:
    counts, extra = manifest.counts, manifest.extra
    for part in extra.get("retrievers", []):
        logger.info("retrieve: %s", ", ".join(_told(*item) for item in part.items()))
    lost = ", ".join(
        f"{count:,} {reason}" for reason, count in manifest.dropped.items()
    )
    noted = [_told(*item) for item in extra.items() if item[0] != "retrievers"]
    logger.info(
        "retrieve: %s queries over %s passages -> %s lists of up to %s (dropped: %s)%s",
        f"{counts['queries']:,}",
        f"{counts['passages']:,}",
        f"{counts['runs']:,}",
        depth,
        lost or "0",
        "".join(f", {text}" for text in noted),
    )


def _told(name: str, value: float | str) -> str:
    """A name or a number, as people read it."""
    if isinstance(value, str):
        return value
    return f"{name} {value:.4f}" if isinstance(value, float) else f"{value:,} {name}"
