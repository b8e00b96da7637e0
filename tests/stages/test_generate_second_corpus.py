"""The generate stage: the corpus without the sentences that became queries."""

import logging
from pathlib import Path
from typing import Any

import pytest

from dr_lightning import artefacts, schemas
from dr_lightning.generation.engines import Extractive
from dr_lightning.stages.generate import generate
from tests.generating import PASSAGES, forget, read, second_corpus


def test_extractive_is_the_default_and_takes_sentences_out(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        generate(**files)
    assert set(read(files)["query_type"]) == set(Extractive().query_types)
    assert f"train with {second_corpus(files)}" in caplog.text
    new = artefacts.read(second_corpus(files), schemas.CORPUS)
    old = artefacts.read(files["corpus"], schemas.CORPUS)
    assert new["passage_id"].equals(old["passage_id"])
    gone = dict(new.select("passage_id", "text").iter_rows())
    cloze = read(files).filter(query_type="cloze")
    assert len(cloze) > 5
    for row in cloze.iter_rows(named=True):
        assert row["text"] in PASSAGES[row["source_passage_id"]]
        assert row["text"] not in gone[row["source_passage_id"]]
    others = set(PASSAGES) - set(cloze["source_passage_id"])
    assert all(gone[passage] == PASSAGES[passage] for passage in others)
    assert artefacts.read_manifest(second_corpus(files))["stage"] == "generate"


def test_a_second_corpus_is_only_written_and_replaced_where_it_should(
    files: dict[str, Any],
) -> None:
    generate(**files, types=["cloze"])
    assert second_corpus(files).exists()
    generate(**files, types=["title"], overwrite=True)
    assert not second_corpus(files).exists()
    assert not artefacts.manifest_path(second_corpus(files)).exists()
    files["out"].unlink()
    second_corpus(files).write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"queries_corpus\.parquet exists"):
        generate(**files, types=["cloze"])
    assert second_corpus(files).read_bytes() == b"mine"


def test_a_file_of_the_user_s_stays_where_no_second_corpus_is_written(
    files: dict[str, Any],
) -> None:
    second_corpus(files).write_bytes(b"mine")
    generate(**files, types=["title"], overwrite=True)
    assert second_corpus(files).read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["my.parquet", "my_corpus.parquet"])
def test_the_corpus_that_is_read_is_never_replaced(
    files: dict[str, Any], name: str
) -> None:
    corpus = files["corpus"].rename(files["corpus"].with_name(name))
    with pytest.raises(ValueError, match="would replace the corpus that is read"):
        generate(corpus, corpus.with_name("my.parquet"), overwrite=True)
    assert artefacts.read(corpus, schemas.CORPUS).height == 13


def test_a_second_corpus_of_a_stopped_run_is_replaced(
    files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop comes between the two files: the parts are still there."""
    write = artefacts.write

    def stops(frame: Any, path: Path, *arguments: Any, **options: Any) -> None:
        if path == files["out"]:
            raise KeyboardInterrupt
        write(frame, path, *arguments, **options)

    generate(**files, types=["cloze"])
    whole = forget(files), second_corpus(files).read_bytes()
    second_corpus(files).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            generate(**files, types=["cloze"])
    assert second_corpus(files).exists()
    generate(**files, types=["cloze"])
    assert (files["out"].read_bytes(), second_corpus(files).read_bytes()) == whole
