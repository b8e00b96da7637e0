"""Which answers are of no use, and why."""

import re
from dataclasses import dataclass

from dr_lightning.generation.cleaning import first_line, plain
from dr_lightning.generation.engine import Answer

EMPTY = "empty"
CUT = "cut by the token limit"
COPY = "copy of the passage"
REFUSAL = "refusal"
MENTION = "speaks of its passage"
DUPLICATE = "duplicate"

_REFUSAL = re.compile(
    r"(?:(?:i['\u2019]m|i am|we are) )?(?:sorry|afraid),? (?:but|i|we|as|that|there)\b"
    r"|i apologi[sz]e\b|as an? (?:ai|language)\b"
    r"|(?:i['\u2019]m|i am) (?:unable|not able) to\b"
    r"|i (?:can(?:not|['\u2019]t| not)|could(?: not|n['\u2019]t)|"
    r"do(?: not|n['\u2019]t)) (?:help|assist|provide|write|create|generate|fulfil|"
    r"comply|answer|have (?:enough|the))"
    r"|(?:please|could you|can you) provide (?:me |us )?(?:with )?(?:the|a|more) "
    r"(?:passage|text|context|information)"
    r"|(?:the|this) (?:passage|text) (?:does|is|has|was) (?:not|no|empty|missing)\b"
    r"|there is no (?:passage|text)\b|no passage (?:is|was)\b",
    re.IGNORECASE,
)
_MENTION = re.compile(
    r"\b(?:this|the (?:given|above|present|current)) (?:passage|text|paper|article|"
    r"abstract|study|report|document|author|excerpt)s?\b"
    r"|\b(?:purpose|aim|goal|topic|subject) of (?:an?|the) (?:paper|text|study|"
    r"article)\b"
    r"|\bthe passage (?:is about|says?|describes?|mentions?|discusses)\b"
    r"|\b(?:according to|described in|mentioned in) the (?:passage|text|authors?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CleaningRules:
    """When an answer is dropped.

    Args:
        copy_words: An answer that has this many words in a row with its passage is a
            copy; null = never. Not asked of engines whose answers are pieces of the
            passage by design.
        whole_copy_words: So is one that stands in its passage as a whole, from this
            many words on; null = never.
        refusals: Whether to drop refusals and talk about the task, known by their
            (English) beginnings.
        mentions: Whether to drop queries that speak of "this passage", "this paper" and
            so on (in English): nobody who searches has seen it.
        duplicates: Whether to drop a query that another of the same passage equals but
            for case and punctuation; the first stays.

    Raises:
        ValueError: If a number is below 2.

    Example:
        >>> CleaningRules().copy_words
        10
    """

    copy_words: int | None = 10
    whole_copy_words: int | None = 6
    refusals: bool = True
    mentions: bool = True
    duplicates: bool = True

    def __post_init__(self) -> None:
        """Checks the numbers."""
        for name in ("copy_words", "whole_copy_words"):
            value = getattr(self, name)
            if value is not None and value < 2:
                msg = f"{name} must be at least 2, or null for never, but got {value}."
                raise ValueError(msg)


DEFAULT_CLEANING = CleaningRules()


def drop_reason(
    query: str, answer: Answer, passage: str, rules: CleaningRules
) -> str | None:
    """Why a query is of no use; None if it is kept.

    Args:
        query: What `clean` made of the answer.
        answer: The answer.
        passage: What the engine read; empty if copies are meant to be.
        rules: What to drop.

    Example:
        >>> drop_reason("swifts", Answer("swifts", complete=False), "", CleaningRules())
        'cut by the token limit'
    """
    if answer.fault is not None:
        return answer.fault
    if not plain(query):
        return EMPTY if answer.complete else CUT
    if not answer.complete and not first_line(answer.text).ended:
        return CUT
    if rules.refusals and _REFUSAL.match(query):
        return REFUSAL
    if rules.mentions and _MENTION.search(query):
        return MENTION
    return COPY if _is_copy(query, passage, rules) else None


def _is_copy(query: str, passage: str, rules: CleaningRules) -> bool:
    if not passage:
        return False
    words, known = plain(query).split(), f" {plain(passage)} "
    size, whole = rules.copy_words, rules.whole_copy_words
    runs = [] if size is None else range(len(words) - size + 1)
    if any(f" {' '.join(words[at : at + (size or 0)])} " in known for at in runs):
        return True
    return whole is not None and len(words) >= whole and f" {' '.join(words)} " in known
