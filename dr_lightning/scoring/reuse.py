"""Scores that an earlier run of the same teacher gave."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dr_lightning import artefacts, schemas


def read_known(
    paths: Sequence[Path], teacher_fingerprint: str, settings: Mapping[str, Any]
) -> pl.DataFrame | None:
    """Reads earlier scores that hold for this run as well.

    They were given by the same teacher to the same texts: same fingerprint, queries,
    corpus and template. Of several files of queries, one of the two runs may have more
    than the other: each id has one text in it. Other candidates, another depth and
    fail-fast scoring make no difference to the score of a pair.

    Args:
        paths: Teacher scores with their manifests.
        teacher_fingerprint: This run's teacher.
        settings: This run's fingerprints of `queries` and `corpus`, and its `template`.

    Returns:
        query_id, passage_id (a list), teacher_score (a list); null without paths.

    Raises:
        ValueError: If a manifest is missing or tells a difference.
    """
    if not paths:
        return None
    wanted = {name: settings[name] for name in ("corpus", "template")}
    wanted |= {"teacher": teacher_fingerprint, "queries": _queries(settings)}
    for path in paths:
        _check_same(path, wanted)
    frames = [artefacts.read(path, schemas.TEACHER_SCORES) for path in paths]
    return pl.concat(frames)


def lookup(known: pl.DataFrame, pairs: pl.DataFrame) -> pl.Series:
    """The known score of each pair, null where there is none.

    Args:
        known: What `read_known` gave.
        pairs: query_id, passage_id.

    Example:
        >>> known = pl.DataFrame({"query_id": ["q"], "passage_id": [["a", "b"]],
        ...     "teacher_score": [[2.0, 1.0]]})
        >>> pairs = pl.DataFrame({"query_id": ["q", "q"], "passage_id": ["b", "c"]})
        >>> lookup(known, pairs).to_list()
        [1.0, None]
    """
    keys = ["query_id", "passage_id"]
    some = known.join(pairs, on="query_id", how="semi")
    flat = some.explode("passage_id", "teacher_score").unique(keys, keep="first")
    joined = pairs.select(keys).join(flat, on=keys, how="left", maintain_order="left")
    return joined["teacher_score"]


def _queries(prints: Mapping[str, Any]) -> tuple[str, ...]:
    """Fingerprints of the files of queries, among those of all inputs."""
    return tuple(str(prints[name]) for name in prints if name.startswith("queries"))


def _alike(told: Any, wanted: Any) -> bool:
    """Whether two values are equal, or one has all files that the other has."""
    if not (told and isinstance(told, tuple)):
        return bool(told == wanted)
    return {*told} <= {*wanted} or {*told} >= {*wanted}


def _check_same(path: Path, wanted: Mapping[str, Any]) -> None:
    manifest = artefacts.read_manifest(path)
    if not manifest:
        msg = (
            f"{path}: has no manifest, so it is not known which teacher gave its "
            "scores. Reuse files that `score` wrote, with their manifests beside them."
        )
        raise ValueError(msg)
    told = {
        "teacher": manifest["extra"].get("teacher_fingerprint"),
        "queries": _queries(manifest["inputs"]),
        "corpus": manifest["inputs"].get("corpus"),
        "template": manifest["settings"].get("template"),
    }
    for name, value in wanted.items():
        if not _alike(told[name], value):
            msg = (
                f"{path}: cannot be reused, its {name} is another one: {told[name]!r}, "
                f"but this run's is {value!r}. Leave the file out of `reuse`, or "
                f"score with the {name} that it was made with."
            )
            raise ValueError(msg)
