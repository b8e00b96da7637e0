"""The generate stage: what is asked, what is dropped, the command line."""

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from dr_lightning.generation.engine import Answer, Report, Request, unheard
from dr_lightning.generation.engines import Extractive, Fake
from dr_lightning.stages.generate import generate
from tests.generating import BLANK, PASSAGES, Counting, forget, manifest, options, read


class Says(Fake):
    """Gives the same text for every request, or too few answers."""

    def __init__(self, text: str, lost: int = 0) -> None:
        super().__init__()
        self.text, self.lost = text, lost

    def answer(
        self, requests: Sequence[Request], report: Report = unheard
    ) -> list[Answer]:
        return [Answer(self.text)] * (len(requests) - self.lost)


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


def test_the_bar_moves_within_a_part_and_only_on_a_terminal(
    files: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options: dict[str, Any] = {"types": ["title"]}
    engine = Fake(faulty=0.5, seconds=0.05)
    generate(**files, engine=engine, **options)
    whole = forget(files)
    assert "of 13 queries" not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    monkeypatch.setenv("COLUMNS", "200")
    generate(**files, engine=engine, **options)
    shown = capsys.readouterr().err
    done = {int(count) for count in re.findall(r"(\d+) of 13 queries", shown)}
    assert done & {*range(1, 12)}
    assert re.search(r"queries, [\d,.]+ tokens a second, \d+% dropped, 0:00:0", shown)
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
