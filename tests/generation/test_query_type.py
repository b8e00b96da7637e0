"""Query types: those of the package hold together; files of one's own are checked."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dr_lightning.generation.query_type import (
    built_in_types,
    load_query_type,
    load_query_types,
)

OWN: dict[str, Any] = {
    "system": "Write a riddle.",
    "instruction": "Riddle for: {passage}",
    "shots": 1,
    "examples": [{"passage": "An egg has a shell.", "query": "white house, no door"}],
}


def write(folder: Path, **changes: Any) -> str:
    path = folder / "riddle.yaml"
    content = {k: v for k, v in (OWN | changes).items() if v is not None}
    path.write_text(yaml.safe_dump(content), "utf-8")
    return str(path)


def test_the_six_types_come_with_the_package() -> None:
    expected = {"question", "claim", "title", "keywords", "search", "msmarco"}
    assert set(built_in_types()) == expected


@pytest.mark.parametrize("name", built_in_types())
def test_a_built_in_type_is_whole(name: str) -> None:
    kind = load_query_type(name)
    assert kind.shots == (0 if name == "search" else 3)
    assert len(kind.examples) >= 12
    assert len({e.passage for e in kind.examples}) == len(kind.examples)
    assert "under 20 words" in kind.system or "three to eight words" in kind.system
    for example in kind.examples:
        assert len(example.query.split()) < 20
        assert example.query.strip() == example.query
        assert re.sub(r"\W", "", example.query) not in re.sub(
            r"\W", "", example.passage
        )


def test_a_chat_ends_each_example_with_its_query(tmp_path: Path) -> None:
    kind = load_query_type(write(tmp_path))
    assert [(m["role"], m["content"]) for m in kind.chat((0,))] == [
        ("system", "Write a riddle."),
        ("user", "Riddle for: An egg has a shell."),
        ("assistant", "white house, no door"),
    ]


def test_fingerprint_follows_what_a_model_is_told(tmp_path: Path) -> None:
    first = load_query_type(write(tmp_path)).fingerprint
    assert load_query_type(write(tmp_path, label="Riddle:")).fingerprint == first
    assert load_query_type(write(tmp_path, system="Ask.")).fingerprint != first
    unused = write(tmp_path, shots=0)
    assert load_query_type(unused).fingerprint != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": None}, "system must be a text, but got ''"),
        ({"instruction": 3}, "instruction must be a text, but got 3"),
        ({"instruction": "Riddle"}, r"must have \{passage\} once"),
        ({"shots": 2}, "shots must be a number from 0 to the 1 examples, but got 2"),
        ({"shots": True}, "but got True"),
        ({"shorts": []}, "unknown key 'shorts'"),
        ({"examples": [{"passage": "p"}]}, "example 1 must have a passage and a query"),
        ({"examples": "none"}, "example 1 must have"),
    ],
)
def test_a_faulty_file_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_query_type(write(tmp_path, **changes))


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "riddle.yaml"
    path.write_text("system: [", "utf-8")
    with pytest.raises(ValueError, match="is no YAML"):
        load_query_type(str(path))


@pytest.mark.parametrize("name", ["riddle", "nowhere/riddle.yaml"])
def test_an_unknown_type_names_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="claim, keywords, msmarco, question, search"):
        load_query_type(name)


def test_two_types_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(ValueError, match="two query types are named 'riddle'"):
        load_query_types([path, "title", path])


def test_shots_are_set_for_all_types() -> None:
    assert {k.shots for k in load_query_types(["search", "title"], 2).values()} == {2}
    with pytest.raises(ValueError, match="shots must be from 0 to 14"):
        load_query_types(["search"], 15)
