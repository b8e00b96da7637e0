"""The files that an evaluation in the loop leaves in the run's folder."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dr_lightning import artefacts, schemas, trec
from dr_lightning.callbacks.found import Found
from dr_lightning.retrieval import run_frame


def write_retrieval(
    folder: Path, found: Found, measures: Sequence[str], step: int
) -> None:
    """Writes a run (parquet and TREC) and the measures of each query.

    Args:
        folder: Of the run and the step.
        found: What was found; its collection names the files.
        measures: Their names.
        step: Optimizer steps that the model has taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    collection = found.collection
    run = run_frame(collection.query_id, collection.passage_id, found.top)
    source = collection.source
    manifest = artefacts.Manifest(
        stage="evaluate",
        settings={
            "measures": list(measures),
            "step": step,
            # Passages; null = the whole corpus.
            "searched": None if found.searched is None else len(found.searched),
            "collection": asdict(source),
        },
        inputs=source.files,
    )
    path = folder / f"{collection.name}.parquet"
    artefacts.write(run, path, schemas.RUN, manifest, overwrite=True)
    trec.write_beside(run, path, tag="_".join(collection.name.split()))
    with artefacts.replacing(folder / f"{collection.name}.per_query.parquet") as file:
        found.per_query.write_parquet(file)
