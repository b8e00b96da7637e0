"""The duplicate rules on texts one can read, and against a loop from the definition."""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_lightning.deduplication import DuplicateRules, find_duplicates
from dr_lightning.deduplication.normal_form import NormalForm, normal_form
from dr_lightning.sources import Fields, open_collection
from dr_lightning.sources.reading import read_corpus
from dr_lightning.texts import passage_text

Found = list[tuple[str, str, str | None]]


def found(texts: Iterable[str], rules: DuplicateRules) -> Found:
    """Dropped passages; ids are the places in corpus order."""
    listed = list(texts)
    frame = pl.LazyFrame(
        {"passage_id": [str(place) for place in range(len(listed))], "text": listed},
        schema={"passage_id": pl.String, "text": pl.String},
    )
    return find_duplicates(frame, rules).rows()


def form(text: str, kind: NormalForm = "method") -> str:
    frame = pl.DataFrame({"text": [text]})
    return str(frame.select(normal_form(pl.col("text"), kind)).item())


def slow_form(text: str) -> str:
    """The method's normal form, step by step."""
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
    bare = "".join(c for c in apart if unicodedata.category(c) != "Mn")
    low = unicodedata.normalize("NFC", bare).lower()
    kept = "".join(c for c in low if unicodedata.category(c)[:1] not in "PS")
    kept = "".join(c for c in kept if unicodedata.category(c) != "Nd")
    return re.sub(r"\s+", " ", kept).strip(" ")


def slow_duplicates(texts: list[str], rules: DuplicateRules) -> Found:
    """The rule, passage by passage."""
    forms = [slow_form(text) for text in texts]
    last = {f: i for i, f in enumerate(forms) if len(f) >= rules.min_characters}
    container: dict[str, str] = {}
    orders = [sorted(last), sorted(last, key=lambda f: f[::-1])]
    for order in orders if rules.compare == "neighbours" else []:
        for place, text in enumerate(order):
            for other in order[place + 1 : place + 1 + rules.neighbours]:
                if text in other:
                    container.setdefault(text, other)
                    break
    dropped: Found = []
    for place, text in enumerate(forms):
        if text not in last:
            dropped.append((str(place), "too_short", None))
            continue
        final = text
        while final in container:
            final = container[final]
        if last[text] != place:
            dropped.append((str(place), "equal", str(last[final])))
        elif text in container:
            dropped.append((str(place), "contained", str(last[final])))
    return dropped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Élan  VITAL", "elan vital"),
        ("ﬁne, ½ & 3rd!", "fine rd"),
        ("\tone\u00a0two \n", "one two"),
        ("Ἀθῆναι", "αθηναι"),
        ("ΟΔΟΣ", "οδος"),
        ("Ёлка и Йод", "елка и иод"),
        ("İstanbul", "istanbul"),
        ("well-known 2020", "wellknown"),
        ("한국어", "한국어"),
        ("", ""),
        ("7 + 7", ""),
    ],
)
def test_the_normal_form_of_a_text(text: str, expected: str) -> None:
    assert form(text) == slow_form(text) == expected


@pytest.mark.parametrize(
    ("text", "bare"),
    [("हिन्दी", "हिनदी"), ("ที่นี่", "ทน"), ("がか", "かか"), ("بَيت", "بيت")],
    ids=["Devanagari", "Thai", "kana", "Arabic"],
)
def test_marks_of_other_scripts_go_with_the_method_and_stay_on_request(
    text: str, bare: str
) -> None:
    assert form(text) == slow_form(text) == bare
    assert form(text, "keep_marks") == text
    assert form("É й " + text, "keep_marks") == "e и " + text


def test_words_that_differ_in_marks_are_equal_unless_these_are_kept() -> None:
    texts = ["がががががががががが", "かかかかかかかかかか"]
    assert found(texts, DuplicateRules("exact")) == [("0", "equal", "1")]
    assert found(texts, DuplicateRules("exact", "keep_marks")) == []


def test_of_equal_passages_the_last_stays() -> None:
    texts = [
        "Bread rises slowly.",
        "coins and stamps",
        "bread rises slowly",
        "BREAD RISES SLOWLY",
    ]
    expected = [("0", "equal", "3"), ("2", "equal", "3")]
    for compare in ("exact", "neighbours"):
        assert found(texts, DuplicateRules(compare)) == expected


def test_a_passage_that_begins_or_ends_another_is_contained_in_it() -> None:
    texts = [
        "the river rises in the north and flows east",
        "The river rises",
        "and flows east",
    ]
    expected = [("1", "contained", "0"), ("2", "contained", "0")]
    assert found(texts, DuplicateRules()) == expected


def test_the_end_of_a_passage_is_found_by_the_reversed_order_alone() -> None:
    between = [f"n{letter} stands between them" for letter in "abcdefghi"]
    texts = ["many coins are old", *between, "so many coins are old"]
    assert found(texts, DuplicateRules()) == [("0", "contained", "10")]


def test_the_middle_of_a_passage_is_found_only_by_a_neighbour() -> None:
    texts = ["bread is made of flour", "so bread is made of flour and water"]
    assert found(texts, DuplicateRules()) == [("0", "contained", "1")]
    assert found([texts[0], "a" + texts[1]], DuplicateRules()) == []


@pytest.mark.parametrize(("neighbours", "is_found"), [(9, True), (8, False)])
def test_a_neighbour_further_off_is_not_looked_at(
    neighbours: int, is_found: bool
) -> None:
    # In both orders these eight stand between the first and the last.
    between = [f"coins are ole{letter}" for letter in "efghijkl"]
    texts = ["coins are old", *between, "coins are olf coins are oldz"]
    for order in (sorted(texts), sorted(texts, key=lambda text: text[::-1])):
        assert [order[0], order[9]] == [texts[0], texts[9]]
    rules = DuplicateRules(neighbours=neighbours)
    assert found(texts, rules) == [("0", "contained", "9")] * is_found


def test_the_end_of_a_chain_stands_for_all_of_it() -> None:
    texts = [
        "coins are",
        "Coins are.",
        "coins are old",
        "coins are old and",
        "coins are old and rare",
    ]
    rules = DuplicateRules(neighbours=1, min_characters=5)
    reasons = ["equal", "contained", "contained", "contained"]
    assert found(texts, rules) == [(str(i), r, "4") for i, r in enumerate(reasons)]


def test_short_passages_neither_stay_nor_stand_for_others() -> None:
    rules = DuplicateRules(min_characters=10)
    assert found(["123 456 789 000", "nine char", "ten charac"], rules) == [
        ("0", "too_short", None),
        ("1", "too_short", None),
    ]


def test_nothing_is_a_duplicate_with_the_rule_off() -> None:
    assert found(["", "a", "a"], DuplicateRules("off")) == []


def test_without_passages_there_are_no_duplicates() -> None:
    assert found([], DuplicateRules()) == []


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"min_characters": -1}, "min_characters must be 0 or more, but got -1"),
        ({"neighbours": 0}, "neighbours must be at least 1, but got 0.*exact"),
    ],
)
def test_a_number_out_of_range_is_refused(options: dict[str, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        DuplicateRules(**options)  # type: ignore[arg-type]


_LETTERS = st.one_of(
    *(
        st.characters(
            min_codepoint=low, max_codepoint=high, exclude_categories=["Cc", "Cn", "Me"]
        )
        for low, high in [
            (0x20, 0x24F),
            (0x300, 0x36F),
            (0x370, 0x3FF),
            (0x400, 0x4FF),
            (0x1E00, 0x1FFF),
        ]
    ),
    st.sampled_from(" \t\n.,-'0123456789"),
)


@settings(deadline=None)
@given(st.text(_LETTERS, max_size=60))
def test_the_normal_form_is_the_slow_one(text: str) -> None:
    assert form(text) == slow_form(text)


@st.composite
def corpora(draw: st.DrawFn) -> list[str]:
    """Pieces of a few texts, so that many are equal or contained."""
    words = ["élan", "Elan", "ΟΔΟΣ", "οδός", "ёлка", "елка", "a", "I", "12", "—", ""]
    base = draw(
        st.lists(st.sampled_from(words) | st.text(_LETTERS, max_size=3), max_size=8)
    )
    places = st.integers(0, len(base))
    cuts = draw(st.lists(st.tuples(places, places), max_size=25))
    return [" ".join(base[start:stop]) for start, stop in cuts] + draw(
        st.lists(st.text(_LETTERS, max_size=4), max_size=5)
    )


@settings(deadline=None)
@given(
    texts=corpora(),
    compare=st.sampled_from(["exact", "neighbours"]),
    min_characters=st.integers(0, 10),
    neighbours=st.integers(1, 9),
)
def test_the_rule_is_the_slow_one(
    texts: list[str], compare: str, min_characters: int, neighbours: int
) -> None:
    rules = DuplicateRules(compare, "method", min_characters, neighbours)  # type: ignore[arg-type]
    assert found(texts, rules) == slow_duplicates(texts, rules)


@pytest.mark.collections
@pytest.mark.slow
@pytest.mark.parametrize("name", ["cranfield", "scifact", "vaswani"])
def test_the_rule_is_the_slow_one_on_real_passages(name: str, tmp_path: Path) -> None:
    folder = os.environ.get("DR_LIGHTNING_BEIR")
    if folder is None:
        pytest.skip("set DR_LIGHTNING_BEIR to a folder of BEIR collections")
    source = open_collection(str(Path(folder) / name))
    corpus = read_corpus(source.corpus, Fields(), 2048, tmp_path).rows
    texts = corpus.select(passage_text()).collect().to_series().to_list()
    rules = DuplicateRules()
    dropped = found(texts, rules)
    assert dropped == slow_duplicates(texts, rules)
