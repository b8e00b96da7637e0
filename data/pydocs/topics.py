"""The language reference that the interpreter carries, cut into passages."""

import pydoc_data.topics
import re
from collections.abc import Iterator

from passages import Passage, clean

MIN_WORDS = 40
"""A passage grows to this size before a new heading or a long paragraph ends it."""
MAX_WORDS = 180
"""A paragraph that would go beyond this starts a new passage."""
MAX_WORDS_INDENTED = 250
"""The same for code and descriptions, which belong to the paragraph before."""

# Its methods stand in the corpus one by one, with their docstrings.
_SKIPPED = frozenset({"string-methods"})
_UNDERLINE = re.compile(r"[*=\-~^]{3,}$")
# Grammar, and the title of a list of notes.
_NOT_PROSE = re.compile(r"::=|^-\[ ")
# A table drawn with characters, and its lines.
_TABLE = re.compile(r"\s*[+|]-")
_RULES = re.compile(r"[-=+|]{3,}|(?<=\s)[|](?=\s)|^[|]|[|]$", re.MULTILINE)


def topic_passages() -> list[Passage]:
    """All topics as passages `topic:with#1`, `topic:with#2`, ..., in this order.

    Topics overlap ("compound" holds all of "with"): a paragraph stands only in the
    shortest topic that has it.
    """
    topics: dict[str, str] = pydoc_data.topics.topics
    seen: set[str] = set()
    passages = []
    for name in sorted(topics, key=lambda name: (len(topics[name]), name)):
        if name not in _SKIPPED:
            pieces = _pieces(topics[name], seen)
            passages += [
                Passage(f"topic:{name}#{number}", title, text)
                for number, (title, text) in enumerate(pieces, start=1)
            ]
    return passages


def _pieces(topic: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yields heading and text of each passage of a topic.

    Args:
        topic: Its text.
        seen: Paragraphs to leave out; those of this topic are added.
    """
    title, held = "", list[str]()
    for heading, block in _blocks(topic):
        if block in seen:
            continue
        seen.add(block)
        words, more = _words(held), len(block.split())
        limit = MAX_WORDS_INDENTED if block.startswith(" ") else MAX_WORDS
        is_full = words + more > limit
        if held and words >= MIN_WORDS and (is_full or heading != title):
            yield title, clean(" ".join(held))
            held = []
        if not held:
            title = heading
        held.append(block)
    if held:
        yield title, clean(" ".join(held))


def _words(blocks: list[str]) -> int:
    return sum(len(block.split()) for block in blocks)


def _blocks(topic: str) -> Iterator[tuple[str, str]]:
    """Yields the paragraphs of a topic, each with the heading it stands under."""
    heading = ""
    for block in re.split(r"\n\s*\n", topic.strip("\n")):
        lines = block.split("\n")
        if len(lines) == 2 and _UNDERLINE.match(lines[1]):
            heading = clean(lines[0].replace('"', ""))
        elif not _NOT_PROSE.search(block):
            yield heading, _RULES.sub("", block) if _TABLE.match(block) else block
