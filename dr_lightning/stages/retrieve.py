"""`retrieve`: candidates of each query, by an encoder, by words, or from given runs."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

from dr_lightning import artefacts, schemas
from dr_lightning.candidates import BM25, HardNegatives
from dr_lightning.candidates.dense import DenseSearch
from dr_lightning.candidates.filtering import filter_run
from dr_lightning.candidates.fusion import join_runs
from dr_lightning.candidates.material import Material
from dr_lightning.candidates.positives import find_positives
from dr_lightning.candidates.report import each_retriever, log_counts, quality
from dr_lightning.candidates.retrievers import Found, Retrievers
from dr_lightning.inputs import as_list, read_judged
from dr_lightning.models.encoder import Encoder
from dr_lightning.parts import Shard
from dr_lightning.retrieval import Encoding, Retriever
from dr_lightning.search import ExactSearch, Search
from dr_lightning.texts import PASSAGE_TEMPLATE, check_template

logger = logging.getLogger(__name__)


def retrieve(
    corpus: Path,
    queries: list[Path] | Path,
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
        queries: Queries; several files are joined.
        out: Where the run goes, a parquet file.
        encoder: The student before training, or any other; `--encoder.backbone DIR`.
        bm25: Settings of BM25; `--bm25 '{}'` takes them as they are.
        runs: Runs of these queries over this corpus, parquet or TREC files.
        qrels: Judgements; if given, the run's nDCG@10 and R@100 are told, as they are
            before any filter, over the queries that are asked and judged. Their
            relevant passages are no `negatives`.
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
            memory as embeddings. Scores depend on it only as they do on micro-batches:
            in the last digits of float32, but in the third of bf16.
        shard: Which worker of how many, such as 2/4.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ValueError: If the options do not fit together, `out` exists and `overwrite` is
            false, or an input has nothing for these queries.
    """
    started = time.monotonic()
    worker = Shard.parse(shard)
    numbers = {"depth": depth, "source_depth": source_depth, "fusion_k": fusion_k}
    numbers |= {"part_passages": part_passages}
    _check_options(out, numbers, overwrite)
    given, asking = as_list(runs), as_list(queries)
    material = Material(corpus, asking, dropped, check_template(template), cache)
    dense = None
    if encoder is not None:
        retriever = Retriever(encoder, encoding or Encoding(), search or ExactSearch())
        folder = out.with_name(f"{out.stem}.parts")
        dense = DenseSearch(retriever, material, depth, folder, part_passages)
    elif search is not None or encoding is not None:
        msg = (
            "search and encoding tell how an encoder searches, but got no encoder. "
            "Give --encoder.backbone DIR, or leave them out."
        )
        raise ValueError(msg)
    retrievers = Retrievers(dense, bm25, given)
    retrievers.check(worker, negatives)
    asked = material.asked
    judged, left_out = (None, 0) if qrels is None else read_judged(qrels, asked)
    positives = None if negatives is None else find_positives(asked, judged, dropped)
    found = retrievers.read(material)
    if dense is not None:
        dense.compute(worker)
        if worker.of > 1:
            left = len(dense.parts.todo(Shard()))
            logger.info("retrieve: worker %s is done, %d parts are left", worker, left)
            return
    found += retrievers.search(material, depth)
    run = join_runs([some.run for some in found], asked["query_id"], depth, fusion_k)
    kept = filter_run(run, asked, source_depth, positives, negatives)
    chosen = None if negatives is None else asdict(negatives)
    passages = len(material.passage_id)
    manifest = artefacts.Manifest(
        stage="retrieve",
        settings=retrievers.settings
        | numbers
        | {"negatives": chosen, "template": template},
        inputs=material.inputs | _named(given, qrels),
        counts={"queries": len(asked), "runs": len(kept.run), "passages": passages},
        dropped=kept.dropped | _left_out(found),
        extra=quality(run, judged)
        | _unasked(left_out)
        | kept.noted
        | each_retriever(found, judged),
        started=started,
    )
    artefacts.write(kept.run, out, schemas.RUN, manifest, overwrite)
    if dense is not None:
        dense.parts.remove()
    log_counts(manifest)


def _check_options(out: Path, numbers: dict[str, int | None], overwrite: bool) -> None:
    if out.suffix != ".parquet":
        msg = f"out must be a file that ends in .parquet, but got {str(out)!r}."
        raise ValueError(msg)
    artefacts.refuse_existing(out, overwrite)
    for name, value in numbers.items():
        if value is not None and value < 1:
            msg = f"{name} must be at least 1, but got {value}."
            raise ValueError(msg)


def _named(given: list[Path], qrels: Path | None) -> dict[str, Path]:
    named = {f"run_{number}": path for number, path in enumerate(given, 1)}
    return named | ({} if qrels is None else {"qrels": qrels})


def _left_out(found: list[Found]) -> dict[str, int]:
    count = sum(some.left_out for some in found)
    return {"given passages that are no candidates": count} if count else {}


def _unasked(count: int) -> dict[str, int]:
    return {"judged queries that are not asked": count} if count else {}
