"""Pieces of a passage that serve as queries: sentences, and what is cut off them."""

import re
from collections.abc import Sequence

from dr_lightning.generation.terms import Terms

_SHORTEST = 5
"""Words of a sentence that can stand alone."""
_HEADING = re.compile(
    r"(?:\[[A-Za-z ]{3,30}\]"
    r"|(?:[A-Z]{2,}[/,&]? ?)*[A-Z]{4,}(?=:|\.|\s+[A-Z][a-z]?))[:.]?\s+"
)
_LEAD_IN = re.compile(
    r"(?:(?:however|moreover|furthermore|additionally|finally|thus|therefore|hence|"
    r"here|consequently|overall|specifically|notably|importantly|interestingly|besides|"
    r"also|again|so|first|second|third|instead|of course|taken together|"
    r"on the other hand|by contrast|"
    r"most importantly|to this end|for (?:example|instance)|as (?:a result|expected)|"
    r"in (?:addition|conclusion|summary|contrast|particular|turn|general|fact|"
    r"this (?:paper|study|article|report|work)))\s*,\s*"
    r"|(?:thus|therefore|hence|and|but|so)\s+)",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"(?:\S+\s+){0,14}?(?:shows?|shown|showed|demonstrates?|demonstrated|suggest(?:s|ed)?|"
    r"indicates?|indicated|concludes?|concluded|finds?|found|reveal(?:s|ed)?|proves?|"
    r"proved|confirm(?:s|ed)?|appears?|reported?|observed|hypothesi[sz]ed?|noted|seen|"
    r"argued?|believed?|assumed|evidence|hypothesis|conclusion|possibility|fact)\s+that\s+",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])")
_TAIL = re.compile(
    r"\s*(?:;|\.\.|\.,|,\.|,\s+(?:which|where|whereas|while|although|though|suggesting|"
    r"indicating|demonstrating|thereby|thus|so that|but|because|since|as well as|"
    r"respectively|and (?:that|the|this|is|was|are|were|its|it|their)|with|using|if)\b)"
)
_ABOUT_ITSELF = re.compile(
    r"\b(?:we|our|authors?|this (?:paper|study|article|report|review|note|work|method|"
    r"investigation)|(?:present|current) (?:paper|study|article|report|note|work|"
    r"investigation|analysis)|herein|fig|eq|is (?:given|described|presented|discussed|"
    r"derived|made|examined|considered)|are (?:given|described|presented|discussed|"
    r"derived|made|examined|considered|included)|objective|aim|aimed)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"(?:this|these|those|that|it|its|they|their|such|he|she|both|the (?:latter|former|"
    r"same|method|results?|authors?|paper|data|above))\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"(?:if|when|although|though|while|whereas|since|because|as|by|for|to|after|once)\b",
    re.IGNORECASE,
)
"""Openings that put the statement itself far behind."""
_BOUNDARY = re.compile(
    r"(?:that|which|who|for|in|with|by|as|and|or|from|at|on|to|when|where|because|but|"
    r"under|over|after|before|during|through|between|is|are|was|were)$",
    re.IGNORECASE,
)
"""A word that a long sentence may end ahead of."""
_CLOSING = re.compile(
    r"(?:\s+(?:a|an|the|of|in|on|at|to|by|for|from|with|and|or|than|as|is|are|was|were|"
    r"that|which|between|under|into|due|but|its|their|be|been|has|have|not|may|can))+$",
    re.IGNORECASE,
)


def tidy(sentence: str) -> str:
    """A sentence as a query: no heading, "however", full stop, or stray space.

    Args:
        sentence: A piece of a passage.

    Example:
        >>> tidy("RESULTS However , the wing , a thin one , stalls .")
        'the wing, a thin one, stalls'
    """
    text = re.sub(r"\s+([,.;:!?)])", r"\1", " ".join(sentence.split()))
    for opening in (_HEADING, _LEAD_IN):
        if found := opening.match(text):
            text = text[found.end() :]
    return text.rstrip(" .;:,") if not text.endswith("?") else text


def stand_alone(sentences: Sequence[str], longest: int) -> list[str]:
    """Sentences that tell something without their neighbours; if one at most does, any.

    Args:
        sentences: Of a passage.
        longest: Words that one may have; longer ones are taken if there are no others.

    Example:
        >>> stand_alone(["It rises.", "Bread rises in a warm kitchen."], 20)
        ['Bread rises in a warm kitchen.']
    """
    tidied = {s: tidy(s) for s in sentences}
    enough = [s for s in sentences if len(tidied[s].split()) >= _SHORTEST]
    fitting = [s for s in enough if len(tidied[s].split()) <= longest] or enough
    alone = [s for s in fitting if not _POINTS_BACK.match(tidied[s])]
    telling = [s for s in alone if not _ABOUT_ITSELF.search(s)]
    return next((some for some in (telling, alone) if len(some) > 1), fitting)


def shorten(sentence: str, longest: int) -> str:
    """The main statement of a sentence: no asides, lead-ins and subordinate ends.

    Args:
        sentence: A piece of a passage.
        longest: Words that may be left.

    Example:
        >>> shorten("However, we found that heat (Fig. 2) helps bread to rise.", 20)
        'heat helps bread to rise'
    """
    text = _ASIDE.sub("", tidy(sentence))
    before = None
    while text != before:
        before = text
        for opening in (_LEAD_IN, _REPORT):
            found = opening.match(text)
            if found and len(text[found.end() :].split()) >= _SHORTEST:
                text = text[found.end() :]
    for tail in reversed(list(_TAIL.finditer(text))):
        if len(text[: tail.start()].split()) >= _SHORTEST:
            text = text[: tail.start()]
    text = _cut(text, longest)
    while text.count("(") > text.count(")"):
        text = text[: text.rindex("(")]
    return _CLOSING.sub("", text.strip(" .;:,"))


def _cut(text: str, longest: int) -> str:
    """At most so many words, ended where a phrase may end."""
    words = text.split()
    if len(words) <= longest:
        return text
    for size in range(longest, longest // 2, -1):
        if words[size - 1].endswith(",") or _BOUNDARY.match(words[size]):
            return " ".join(words[:size])
    return " ".join(words[:longest])


def statements(sentences: Sequence[str], terms: Terms, count: int) -> list[str]:
    """The sentences that claim the most: telling words, late in the passage, no "we".

    Args:
        sentences: Of a passage.
        terms: Of the corpus.
        count: How many, best first.

    Example:
        >>> told = ["We look at how bread rises.", "Warm dough rises in an hour."]
        >>> statements(told, Terms(), 1)
        ['Warm dough rises in an hour.']
    """

    def weight(place: int) -> float:
        sentence = sentences[place]
        words = tidy(sentence).split()
        telling = [terms.weight(word) for word in words if not terms.weak(word)]
        score = sum(sorted(telling)[-6:]) * (1 + place / len(sentences))
        score *= 1.5 if _REPORT.match(sentence) else 1.0
        score *= 0.5 if _POINTS_BACK.match(sentence) else 1.0
        score *= 0.3 if _CONDITION.match(sentence) else 1.0
        score *= 0.4 if _ABOUT_ITSELF.search(sentence.split(" that ")[-1]) else 1.0
        return score if len(words) >= _SHORTEST else 0.0

    order = sorted(range(len(sentences)), key=lambda place: (-weight(place), place))
    return [sentences[place] for place in order[:count] if weight(place) > 0]
