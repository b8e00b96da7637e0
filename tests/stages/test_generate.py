"""The generate stage: restarts, workers, drops, the second corpus, the command line."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from dr_lightning.generation.drops import CleaningRules
from dr_lightning.generation.engine import Answer, Report, Request, unheard
from dr_lightning.generation.engines import Extractive, Fake, HuggingFace
from dr_lightning.stages.generate import generate

PASSAGES = {
    f"p{row}": f"Oven number {row} stands in the old bakery. It holds {row} loaves of "
    f"dark bread. The baker of street {row} heats this oven with dry wood at night."
    for row in range(12)
}
BLANK = "blank"


class Counting(Fake):
    """A fake that counts requests and stops after some calls, as a kill would."""

    def __init__(self, calls: int = 1000, faulty: float = 0.0) -> None:
        super().__init__(faulty)
        self.calls = calls
        self.seen: list[Request] = []

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        self.seen += requests
        return super().answer(requests, report)


class Says(Fake):
    """Gives the same text for every request, or too few answers."""

    def __init__(self, text: str, lost: int = 0) -> None:
        super().__init__()
        self.text, self.lost = text, lost

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        return [Answer(self.text)] * (len(requests) - self.lost)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The corpus, and where to write."""
    texts = PASSAGES | {BLANK: ""}
    corpus = pl.DataFrame(
        {"passage_id": list(texts), "title": "Ovens", "text": list(texts.values())}
    )
    path = tmp_path / "corpus.parquet"
    artefacts.write(corpus, path, schemas.CORPUS, artefacts.Manifest("test"))
    return {"corpus": path, "out": tmp_path / "queries.parquet"}


def read(files: dict[str, Any]) -> pl.DataFrame:
    return artefacts.read(files["out"], schemas.QUERIES)


def manifest(files: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = artefacts.read_manifest(files["out"])
    return content


def parts(files: dict[str, Any]) -> list[Path]:
    return sorted(files["out"].with_name("queries.parts").glob("*.parquet"))


def second_corpus(files: dict[str, Any]) -> Path:
    path: Path = files["out"].with_name("queries_corpus.parquet")
    return path


def test_queries_name_type_and_source(files: dict[str, Any]) -> None:
    generate(**files, engine=Fake(), types=["question", "title"])
    frame = read(files)
    assert frame["query_type"].unique(maintain_order=True).to_list() == [
        "question",
        "title",
    ]
    for kind in frame.partition_by("query_type"):
        assert kind["source_passage_id"].to_list() == list(PASSAGES)
    assert frame["text"].str.starts_with("what about ").all()


def test_restart_after_a_stop_gives_the_same_bytes(files: dict[str, Any]) -> None:
    options: dict[str, Any] = {"types": ["claim", "title"], "part_queries": 4}
    generate(**files, engine=Counting(faulty=0.3), **options)
    whole = files["out"].read_bytes()
    files["out"].unlink()
    with pytest.raises(KeyboardInterrupt):
        generate(**files, engine=Counting(3, faulty=0.3), **options)
    assert not files["out"].exists()
    assert len(parts(files)) == 3
    rest = Counting(faulty=0.3)
    generate(**files, engine=rest, **options)
    assert len(rest.seen) == 2 * 12 - 3 * 4
    assert files["out"].read_bytes() == whole
    assert not parts(files)


def test_the_bar_moves_within_a_part_and_only_on_a_terminal(
    files: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options: dict[str, Any] = {"types": ["title"], "overwrite": True}
    engine = Fake(faulty=0.5, seconds=0.05)
    generate(**files, engine=engine, **options)
    whole = files["out"].read_bytes()
    assert "of 13 queries" not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    monkeypatch.setenv("COLUMNS", "200")
    generate(**files, engine=engine, **options)
    shown = capsys.readouterr().err
    done = {int(count) for count in re.findall(r"(\d+) of 13 queries", shown)}
    assert done & {*range(1, 12)}
    assert re.search(r"queries, [\d,.]+ tokens a second, \d+% dropped, 0:00:0", shown)
    assert files["out"].read_bytes() == whole


def test_workers_give_the_result_of_one_and_write_parts_only(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"types": ["claim", "search"], "part_queries": 3}
    generate(**files, engine=Counting(), **options)
    whole = files["out"].read_bytes()
    files["out"].unlink()
    with caplog.at_level(logging.INFO):
        for shard in ("2/3", "3/3", "1/3"):
            generate(**files, engine=Counting(), **options, shard=shard)
    assert "worker 2/3 is done, 6 parts are left" in caplog.text
    assert not files["out"].exists()
    generate(**files, engine=Counting(calls=0), **options)
    assert files["out"].read_bytes() == whole


def test_a_tiny_model_gives_the_same_bytes_after_a_stop(
    files: dict[str, Any], tiny_chat_dir: Path
) -> None:
    options: dict[str, Any] = {"types": ["title"], "part_queries": 5, "example_sets": 1}
    engine = HuggingFace(str(tiny_chat_dir), batch_size=4)
    generate(**files, engine=engine, **options)
    assert len(read(files)) > 5
    whole = files["out"].read_bytes()
    files["out"].unlink()
    generate(**files, engine=engine, **options, shard="2/2")
    assert len(parts(files)) == 1
    generate(**files, engine=HuggingFace(str(tiny_chat_dir), batch_size=4), **options)
    assert files["out"].read_bytes() == whole


def test_prompts_do_not_hang_on_the_order_of_the_corpus(files: dict[str, Any]) -> None:
    generate(**files, engine=Fake())
    first = read(files).sort("query_id")
    backwards = artefacts.read(files["corpus"], schemas.CORPUS).reverse()
    note = artefacts.Manifest("test")
    artefacts.write(backwards, files["corpus"], schemas.CORPUS, note, overwrite=True)
    generate(**files, engine=Fake(), part_queries=7, overwrite=True)
    assert read(files).sort("query_id").equals(first)


def test_more_passages_keep_the_queries_of_fewer(files: dict[str, Any]) -> None:
    generate(**files, engine=Fake(), passages=4, types_per_passage=2)
    few = set(read(files).rows())
    generate(**files, engine=Fake(), passages=9, types_per_passage=3, overwrite=True)
    assert few < set(read(files).rows())


def test_nothing_is_written_for_dropped_passages(
    files: dict[str, Any], tmp_path: Path
) -> None:
    ids = pl.read_parquet(files["corpus"])["passage_id"]
    gone = pl.DataFrame(
        {"passage_id": ids[:2], "reason": "equal", "representative_id": ids[2]}
    )
    path = tmp_path / "dropped.parquet"
    artefacts.write(gone, path, schemas.DROPPED, artefacts.Manifest("test"))
    generate(**files, engine=Fake(), dropped=path)
    assert set(read(files)["source_passage_id"]) == set(ids[2:]) - {BLANK}
    assert set(manifest(files)["inputs"]) == {"corpus", "dropped"}


def test_other_settings_use_no_finished_part_but_other_cleaning_does(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"types": ["title"], "part_queries": 4}
    with pytest.raises(KeyboardInterrupt):
        generate(**files, engine=Counting(2), **options)
    with caplog.at_level(logging.INFO):
        generate(**files, engine=Counting(), **options, seed=14, shard="4/4")
    assert "2 parts of other settings are not used" in caplog.text
    rest = Counting()
    rules = CleaningRules(duplicates=False)
    generate(**files, engine=rest, **options, cleaning=rules)
    assert len(rest.seen) == 4


def test_every_drop_has_its_reason(
    files: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        generate(**files, engine=Fake(faulty=0.5), per_type=3)
    told = manifest(files)
    assert told["counts"]["passages"] == 13
    assert told["counts"]["asked"] == 13 * 6 * 3
    assert told["counts"]["written"] == len(read(files))
    assert sum(told["dropped"].values()) == 13 * 6 * 3 - len(read(files))
    assert set(told["dropped"]) >= {
        "empty",
        "cut by the token limit",
        "refusal",
        "refused by the endpoint",
        "passage without text",
    }
    assert told["dropped"]["passage without text"] == 6 * 3
    by_type = told["extra"]["types"]
    for reason, count in told["dropped"].items():
        assert count == sum(kind["dropped"].get(reason, 0) for kind in by_type.values())
    assert all(len(kind["samples"]) == 3 for kind in by_type.values())
    assert told["extra"]["tokens"] > 0
    assert told["settings"]["engine"] == {
        "class": "Fake",
        "model": "fake",
        "faulty": 0.5,
    }
    assert f"13 passages, 234 queries asked -> {len(read(files))} in" in caplog.text
    assert "18 passage without text" in caplog.text


def test_of_equal_queries_of_a_passage_the_first_stays(files: dict[str, Any]) -> None:
    generate(**files, engine=Says("Is it hot?"), types=["title", "claim"])
    assert read(files)["query_type"].unique().to_list() == ["title"]
    assert manifest(files)["dropped"] == {"duplicate": 12, "passage without text": 2}


def test_nothing_written_is_said_not_raised(files: dict[str, Any]) -> None:
    generate(**files, engine=Says(""), types=["title"])
    assert read(files).is_empty()
    assert manifest(files)["dropped"] == {"empty": 12, "passage without text": 1}


def test_a_writer_s_name_tells_its_queries_from_those_of_another(
    files: dict[str, Any],
) -> None:
    generate(**files, types=["keywords", "cloze"])
    plain = read(files)
    files["out"] = files["out"].with_name("rules.parquet")
    generate(**files, types=["keywords", "cloze"], writer="rules")
    told = read(files)
    same = ["text", "source_passage_id"]
    assert told.select(same).equals(plain.select(same))
    for column in ("query_id", "query_type"):
        assert told[column].to_list() == [f"rules-{text}" for text in plain[column]]
    assert manifest(files)["extra"]["types"].keys() == {"rules-keywords", "rules-cloze"}


@pytest.mark.parametrize("name", ["", "my_rules", "a/b", "-a"])
def test_a_writer_s_name_must_fit_into_ids_and_files(
    name: str, files: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"letters, digits, - and .*{name!r}"):
        generate(**files, writer=name)


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
    whole = files["out"].read_bytes(), second_corpus(files).read_bytes()
    for path in (files["out"], second_corpus(files)):
        path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            generate(**files, types=["cloze"])
    assert second_corpus(files).exists()
    generate(**files, types=["cloze"])
    assert (files["out"].read_bytes(), second_corpus(files).read_bytes()) == whole


def test_the_template_is_what_an_engine_reads(files: dict[str, Any]) -> None:
    engine = Counting()
    generate(**files, engine=engine, types=["title"], template="{title}: {text}")
    assert engine.seen[0].passage == f"Ovens: {PASSAGES['p0']}"
    assert engine.seen[0].title == "Ovens"


def test_a_type_of_one_s_own_needs_a_file_alone(
    files: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "riddle.yaml"
    told = {"system": "Ask.", "instruction": "{passage}?", "shots": 0}
    path.write_text(yaml.safe_dump(told), "utf-8")
    engine = Counting()
    generate(**files, engine=engine, types=[str(path), "title"], shots=0)
    assert set(read(files)["query_type"]) == {"riddle", "title"}
    assert len(engine.seen[-1].shots) == 1
    assert engine.seen[0].messages()[-1]["content"] == f"{PASSAGES['p0']}?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"types": ["riddle"]}, "there is no query type 'riddle'. Give claim, "),
        ({"types": []}, r"no query type to write. Give types"),
        ({"engine": Extractive(), "types": ["question"]},
         "'question' is not known to Extractive, .* writes title, sentence, cloze"),
        ({"engine": Extractive(), "types": ["title", "title"]}, "or named twice"),
        ({"shard": "3/2"}, "shard must be I/N with I from 1 to N"),
        ({"part_queries": 0}, "at least 1 row, but got 0"),
        ({"passages": 0}, "passages must be at least 1"),
        ({"example_sets": 0}, "example_sets must be at least 1"),
        ({"shots": 99}, "shots must be from 0 to 14"),
        ({"template": "{title}"}, "template must contain"),
        ({"out": Path("queries.jsonl")}, "must be a file that ends in .parquet"),
        ({"engine": Says("x", lost=1)}, r"gave 71 answers to 72 requests"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(
    files: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(**({"engine": Fake()} | files | options))
    assert not files["out"].exists()


def test_an_empty_corpus_is_refused(files: dict[str, Any]) -> None:
    empty = artefacts.read(files["corpus"], schemas.CORPUS).clear()
    note = artefacts.Manifest("test")
    artefacts.write(empty, files["corpus"], schemas.CORPUS, note, overwrite=True)
    with pytest.raises(ValueError, match="has no passages to write for"):
        generate(**files)


def test_existing_output_is_kept(files: dict[str, Any]) -> None:
    generate(**files, engine=Fake(), types=["title"])
    engine = Counting()
    with pytest.raises(ValueError, match="exists"):
        generate(**files, engine=engine)
    assert not engine.seen


def options(files: dict[str, Any]) -> list[str]:
    return [f"--{name}={path}" for name, path in files.items()]


def test_command_line_takes_bare_class_names(
    files: dict[str, Any], tiny_chat_dir: Path
) -> None:
    main(["generate", *options(files), "--engine=Fake", "--engine.faulty=0.1"])
    assert manifest(files)["settings"]["engine"]["faulty"] == 0.1
    model = ["--engine=HuggingFace", f"--engine.model={tiny_chat_dir}"]
    small = ["--engine.sampling.max_tokens=4", "--types=[title]", "--passages=2"]
    main(["generate", *options(files), *model, *small, "--overwrite=true"])
    told = manifest(files)["settings"]["engine"]
    assert (told["class"], told["sampling"]["max_tokens"]) == ("HuggingFace", 4)


OWN_ENGINE = """
from collections.abc import Sequence
import polars as pl
from dr_lightning.generation.engine import Answer, Report, Request, unheard

class Echo:
    def __init__(self, words: int = 3) -> None:
        self.words = words
        self.settings = {"words": words}
        self.fingerprint = str(words)
        self.query_types = ("echo",)
        self.takes_chat, self.extracts = False, True

    def prepare(self, passages: pl.LazyFrame) -> None:
        self.count = passages.collect().height

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        return [Answer(" ".join(r.passage.split()[: self.words])) for r in requests]
"""


def test_an_engine_of_one_s_own_needs_no_base_class(
    files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_engine.py").write_text(OWN_ENGINE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    engine = {"class_path": "own_engine.Echo", "init_args": {"words": 2}}
    config = tmp_path / "generate.yaml"
    config.write_text(json.dumps({"engine": engine}), "utf-8")  # JSON is YAML
    main(["generate", f"--config={config}", *options(files)])
    assert set(read(files)["text"]) == {"Oven number"}
    assert manifest(files)["settings"]["engine"]["words"] == 2


def command(files: dict[str, Any], engine: Sequence[str]) -> list[str]:
    start = [sys.executable, "-m", "dr_lightning", "generate", *options(files)]
    return [*start, *engine, "--types=[title,claim]", "--part_queries=3"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fake", "model"])
def test_a_killed_run_goes_on_to_the_same_bytes(
    files: dict[str, Any], name: str, tiny_chat_dir: Path
) -> None:
    engine = {
        "fake": ["--engine=Fake", "--engine.seconds=0.2", "--engine.faulty=0.2"],
        "model": ["--engine=HuggingFace", f"--engine.model={tiny_chat_dir}"],
    }[name]
    subprocess.run(command(files, engine), check=True, capture_output=True)
    whole = files["out"].read_bytes()
    files["out"].unlink()
    run = subprocess.Popen(command(files, engine), stderr=subprocess.DEVNULL)
    while len(parts(files)) < 2 and run.poll() is None:
        time.sleep(0.005)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not files["out"].exists()
    finished = {part: part.stat().st_mtime_ns for part in parts(files)}
    assert 2 <= len(finished) < 9
    subprocess.run(
        [*command(files, engine), "--shard=1/1"], check=True, capture_output=True
    )
    assert files["out"].read_bytes() == whole
