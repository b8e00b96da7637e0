"""Query types: what a language model is told, read from one YAML file a type."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from dr_lightning.generation.engine import PASSAGE_FIELD, Message

_SUFFIXES = (".yaml", ".yml")
_KEYS = {"system": True, "instruction": True, "label": False}
"""Keys with a text, and whether they must be there and have one."""


@dataclass(frozen=True)
class Example:
    """A passage and a query that somebody wrote for it."""

    passage: str
    query: str


@dataclass(frozen=True)
class QueryType:
    """One kind of query, as its file tells it.

    Args:
        name: The file's name without its ending; stands in the artefact.
        system: The system prompt.
        instruction: The last message, with `{passage}` where the passage goes.
        label: What a model may put ahead of a query, such as "Question:"; it is taken
            off. May be empty.
        shots: Examples a prompt.
        examples: The pool that they are drawn from.
    """

    name: str
    system: str
    instruction: str
    label: str
    shots: int
    examples: tuple[Example, ...]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with what a model is told."""
        told = [self.system, self.instruction, self.shots]
        pool = [[example.passage, example.query] for example in self.examples]
        text = json.dumps([*told, pool if self.shots else []])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def chat(self, drawn: tuple[int, ...]) -> tuple[Message, ...]:
        """The system prompt, then a turn of user and assistant for each example.

        Args:
            drawn: Which examples, in order.
        """
        messages = [Message(role="system", content=self.system)]
        for example in (self.examples[place] for place in drawn):
            asked = self.instruction.replace(PASSAGE_FIELD, example.passage)
            messages.append(Message(role="user", content=asked))
            messages.append(Message(role="assistant", content=example.query))
        return tuple(messages)


def built_in_types() -> tuple[str, ...]:
    """Names of the types that come with the package.

    Example:
        >>> built_in_types()
        ('claim', 'keywords', 'msmarco', 'question', 'search', 'title')
    """
    files = resources.files("dr_lightning.generation").joinpath("query_types").iterdir()
    found = (Path(file.name) for file in files)
    return tuple(sorted(path.stem for path in found if path.suffix == ".yaml"))


def load_query_types(
    names: Sequence[str], shots: int | None = None
) -> dict[str, QueryType]:
    """Reads query types, by their names.

    Args:
        names: See `load_query_type`.
        shots: Examples a prompt; null = as each type says.

    Raises:
        ValueError: If one cannot be read, two have one name, or a pool is too small.
    """
    found: dict[str, QueryType] = {}
    for one in map(load_query_type, names):
        if one.name in found:
            msg = (
                f"two query types are named {one.name!r}, and a query could not tell "
                f"which is its own. Rename one of the files."
            )
            raise ValueError(msg)
        if shots is not None and not 0 <= shots <= len(one.examples):
            msg = (
                f"shots must be from 0 to {len(one.examples)}, the examples of "
                f"{one.name!r}, but got {shots}."
            )
            raise ValueError(msg)
        found[one.name] = one if shots is None else replace(one, shots=shots)
    return found


def load_query_type(name: str) -> QueryType:
    """Reads a query type.

    Args:
        name: One that comes with the package, or the path of a YAML file of your own.

    Raises:
        ValueError: If there is no such type, or its file lacks something.

    Example:
        >>> load_query_type("question").label
        'Question:'
    """
    if name.endswith(_SUFFIXES):
        path = Path(name)
        if not path.is_file():
            msg = f"query type {name}: no such file. {_known()}"
            raise ValueError(msg)
        return _parse(path.stem, path.read_text("utf-8"), name)
    if name not in built_in_types():
        msg = f"there is no query type {name!r}. {_known()}"
        raise ValueError(msg)
    file = resources.files("dr_lightning.generation") / "query_types" / f"{name}.yaml"
    return _parse(name, file.read_text("utf-8"), f"{name}.yaml")


def _known() -> str:
    return (
        f"Give {', '.join(built_in_types())}, or the path of a YAML file of your own."
    )


def _parse(name: str, text: str, where: str) -> QueryType:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        msg = f"{where}: is no YAML ({error}). Write it as the built-in types are."
        raise ValueError(msg) from error
    if not isinstance(content, dict):
        content = {}
    unknown = set(content) - {*_KEYS, "shots", "examples"}
    if unknown:
        msg = (
            f"{where}: unknown key {sorted(map(str, unknown))[0]!r}; a query type has "
            f"{', '.join(_KEYS)}, shots and examples."
        )
        raise ValueError(msg)
    texts = {key: _text(content, key, where) for key in _KEYS}
    if texts["instruction"].count(PASSAGE_FIELD) != 1:
        msg = (
            f"{where}: instruction must have {PASSAGE_FIELD} once, where the passage "
            f"goes, but got {texts['instruction']!r}."
        )
        raise ValueError(msg)
    examples = _examples(content.get("examples", []), where)
    shots = content.get("shots", 3)
    if type(shots) is not int or not 0 <= shots <= len(examples):
        msg = (
            f"{where}: shots must be a number from 0 to the {len(examples)} examples, "
            f"but got {shots!r}. Add examples, or set shots."
        )
        raise ValueError(msg)
    return QueryType(name, **texts, shots=shots, examples=examples)


def _text(content: dict[str, Any], key: str, where: str) -> str:
    value = content.get(key, "")
    if not isinstance(value, str) or (_KEYS[key] and not value.strip()):
        msg = f"{where}: {key} must be a text, but got {value!r}."
        raise ValueError(msg)
    return value.strip()


def _examples(content: object, where: str) -> tuple[Example, ...]:
    pairs: list[Any] = content if isinstance(content, list) else [content]
    for number, pair in enumerate(pairs, start=1):
        texts = list(pair.values()) if isinstance(pair, dict) else []
        whole = isinstance(pair, dict) and set(pair) == {"passage", "query"}
        if not whole or not all(isinstance(text, str) and text for text in texts):
            msg = (
                f"{where}: example {number} must have a passage and a query, both "
                f"texts, but got {pair!r}."
            )
            raise ValueError(msg)
    return tuple(Example(pair["passage"], pair["query"]) for pair in pairs)
