"""Artefacts on disk: what is written is whole, and what is read is checked."""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dr_lightning import artefacts
from dr_lightning.artefacts import Manifest
from dr_lightning.schemas import CORPUS, QRELS

PASSAGES = pl.DataFrame(
    {"passage_id": ["a", "b"], "title": ["", "t"], "text": ["x", "y"]}
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.parquet"
    artefacts.write(PASSAGES, path, CORPUS, Manifest("ingest"))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read(corpus: Path) -> None:
    assert artefacts.read(corpus, CORPUS).equals(PASSAGES)
    assert names(corpus.parent) == ["corpus.manifest.json", "corpus.parquet"]


def test_a_lazy_frame_is_written_in_missing_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "corpus.parquet"
    artefacts.write(PASSAGES.lazy(), path, CORPUS, Manifest("ingest"))
    assert artefacts.read(path, CORPUS).equals(PASSAGES)


def test_an_artefact_may_be_overwritten_by_what_was_read_from_it(corpus: Path) -> None:
    first = artefacts.scan(corpus, CORPUS).head(1)
    artefacts.write(first, corpus, CORPUS, Manifest("ingest"), overwrite=True)
    assert artefacts.read(corpus, CORPUS).equals(PASSAGES.head(1))


def test_an_existing_file_is_refused_unless_overwrite(corpus: Path) -> None:
    with pytest.raises(ValueError, match=r"corpus.parquet exists.*overwrite: true"):
        artefacts.write(PASSAGES, corpus, CORPUS, Manifest("ingest"))


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "corpus.parquet").mkdir()
    with pytest.raises(ValueError, match="exists and is a folder"):
        artefacts.refuse_existing(tmp_path / "corpus.parquet", overwrite=True)


def test_a_name_that_no_folder_of_shards_would_find_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.parquet"):
        artefacts.write(PASSAGES, tmp_path / "corpus", CORPUS, Manifest("ingest"))


def test_bad_rows_leave_nothing_behind(tmp_path: Path) -> None:
    twice = pl.concat([PASSAGES, PASSAGES])
    path = tmp_path / "corpus.parquet"
    with pytest.raises(ValueError, match=r"/corpus.parquet: passage_id .* more than"):
        artefacts.write(twice, path, CORPUS, Manifest("ingest"))
    assert names(tmp_path) == []


def test_bad_rows_leave_the_old_file_as_it_was(corpus: Path) -> None:
    twice = pl.concat([PASSAGES, PASSAGES])
    with pytest.raises(ValueError, match="more than once"):
        artefacts.write(twice, corpus, CORPUS, Manifest("ingest"), overwrite=True)
    assert artefacts.read(corpus, CORPUS).equals(PASSAGES)
    assert artefacts.read_manifest(corpus)["stage"] == "ingest"


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    ids = pl.Series(range(10_000)).hash().cast(pl.String)
    big = pl.DataFrame({"passage_id": ids, "title": "", "text": ids})
    path = tmp_path / "corpus.parquet"
    with (
        full_disk(10_000),
        pytest.raises(OSError, match=r"corpus\.parquet: cannot be written .*Free"),
    ):
        artefacts.write(big, path, CORPUS, Manifest("ingest"))
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    path = tmp_path / "out" / "corpus.parquet"
    with pytest.raises(OSError, match=r"cannot be written .*choose a folder"):
        artefacts.write(PASSAGES, path, CORPUS, Manifest("ingest"))
    assert names(tmp_path) == ["out"]


def test_an_error_of_the_computation_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    text = pl.col("text").str.json_decode(pl.String)
    broken = PASSAGES.lazy().with_columns(text)
    path = tmp_path / "corpus.parquet"
    with pytest.raises(pl.exceptions.ComputeError):
        artefacts.write(broken, path, CORPUS, Manifest("ingest"))
    assert names(tmp_path) == []


def test_the_manifest_says_what_made_the_artefact(corpus: Path) -> None:
    path = corpus.with_name("small.parquet")
    manifest = Manifest(
        stage="deduplicate",
        settings={"seed": 13, "out": Path("small.parquet")},
        inputs={"corpus": corpus},
        counts={"passages": 2},
        dropped={"exact": 1},
        extra={"share": 0.5},
    )
    artefacts.write(PASSAGES, path, CORPUS, manifest)
    record = artefacts.read_manifest(path)
    assert record["schema"] == "corpus"
    assert record["schema_version"] == 1
    assert record["settings"] == {"seed": 13, "out": "small.parquet"}
    assert record["inputs"] == {"corpus": artefacts.fingerprint(corpus)}
    assert record["dropped"] == {"exact": 1}
    assert record["seconds"] >= 0
    assert record["created"].endswith("+00:00")
    assert ("torch" in record["versions"]) == ("torch" in sys.modules)


def test_another_schema_version_is_refused(corpus: Path) -> None:
    note = artefacts.manifest_path(corpus)
    note.write_text(json.dumps(artefacts.read_manifest(corpus) | {"schema_version": 0}))
    match = r"schema version 0.*reads version 1.*`ingest`"
    with pytest.raises(ValueError, match=match):
        artefacts.scan(corpus, CORPUS)


def test_another_artefact_is_refused(corpus: Path) -> None:
    with pytest.raises(ValueError, match="holds corpus, but qrels is wanted"):
        artefacts.scan(corpus, QRELS)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_manifest_is_refused(corpus: Path, text: str) -> None:
    artefacts.manifest_path(corpus).write_text(text)
    with pytest.raises(ValueError, match=r"corpus\.manifest\.json: is no manifest"):
        artefacts.read(corpus, CORPUS)


def test_a_file_without_manifest_is_read(corpus: Path) -> None:
    artefacts.manifest_path(corpus).unlink()
    assert artefacts.read_manifest(corpus) == {}
    assert len(artefacts.read(corpus, CORPUS)) == 2


def test_a_folder_of_shards_is_one_artefact(tmp_path: Path) -> None:
    """Shards may differ in what the contract evens out: types, order, more columns."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    PASSAGES.write_parquet(folder / "0.parquet")
    other = pl.DataFrame({"n": [0], "text": ["z"], "passage_id": [3], "title": [""]})
    other.write_parquet(folder / "1.parquet")
    (folder / ".2.parquet").touch()
    read = artefacts.read(folder, CORPUS)
    assert read["passage_id"].to_list() == ["a", "b", "3"]


def test_a_shard_without_a_column_is_named(tmp_path: Path) -> None:
    PASSAGES.write_parquet(tmp_path / "0.parquet")
    PASSAGES.drop("title").write_parquet(tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=r"1\.parquet: missing column 'title'"):
        artefacts.scan(tmp_path, CORPUS)


def test_scan_trusts_a_manifest_but_read_checks_rows(corpus: Path) -> None:
    pl.concat([PASSAGES, PASSAGES]).write_parquet(corpus)
    assert artefacts.scan(corpus, CORPUS).select(pl.len()).collect().item() == 4
    with pytest.raises(ValueError, match="passage_id of corpus occurs more than once"):
        artefacts.read(corpus, CORPUS)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"text": [None, None]}, r"text .* is null in row 1 \(.* 'a'\) and 1 other"),
        ({"passage_id": ["a", None]}, "passage_id of corpus is null in row 2"),
        ({"passage_id": ["", "b"]}, "passage_id of corpus is empty in row 1"),
        ({"passage_id": [7, 7]}, "passage_id .* occurs more than once in row 1"),
    ],
)
@pytest.mark.parametrize("note", [None, "{}"])
def test_rows_of_a_user_s_own_file_are_checked_by_scan(
    tmp_path: Path, note: str | None, changes: dict[str, list[Any]], fault: str
) -> None:
    """A manifest that does not say what the artefact is is not ours."""
    path = tmp_path / "mine.parquet"
    columns = PASSAGES.to_dict(as_series=False) | changes
    pl.DataFrame(columns, schema_overrides={"text": pl.String}).write_parquet(path)
    if note is not None:
        artefacts.manifest_path(path).write_text(note)
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"mine\.parquet: {fault}.*`ingest`"):
            artefacts.scan(path, CORPUS)


def test_rows_of_a_user_s_own_file_are_checked_once_while_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PASSAGES.write_parquet(tmp_path / "0.parquet")
    artefacts.scan(tmp_path, CORPUS)
    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "check_rows", lambda *_: pytest.fail("checked again"))
        artefacts.scan(tmp_path, CORPUS)
    PASSAGES.write_parquet(tmp_path / "1.parquet")
    with pytest.raises(ValueError, match="more than once"):
        artefacts.scan(tmp_path, CORPUS)


def test_a_passage_without_title_has_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    PASSAGES.with_columns(title=pl.lit(None)).write_parquet(path)
    for frame in (artefacts.read(path, CORPUS), artefacts.scan(path, CORPUS).collect()):
        assert frame["title"].to_list() == ["", ""]


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        artefacts.read(tmp_path / "corpus.parquet", CORPUS)
    with pytest.raises(ValueError, match=r"has no \*\.parquet shards"):
        artefacts.read(tmp_path, CORPUS)


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "corpus.parquet"
    path.write_text("passage_id,title,text")
    with pytest.raises(ValueError, match=r"cannot be read as parquet.*`ingest`"):
        artefacts.scan(path, CORPUS)


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("one")
    second.write_text("one")
    assert artefacts.fingerprint(first) == artefacts.fingerprint(second)
    assert len(artefacts.fingerprint(first)) == 16
    second.write_text("two")
    assert artefacts.fingerprint(first) != artefacts.fingerprint(second)
    whole = artefacts.fingerprint(tmp_path)
    second.write_text("three")
    assert artefacts.fingerprint(tmp_path) != whole


def test_the_fingerprint_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        artefacts.fingerprint(tmp_path / "none")
