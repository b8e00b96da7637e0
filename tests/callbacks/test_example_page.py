"""The page in full, from examples written by hand."""

import re

from markdown_it import MarkdownIt

from dr_lightning.callbacks.example_page import COLUMNS, Example, Hit, page, rows

LONG = "b " * 100
HITS = [
    Hit("zip", "zip()", "Joins | iterables.", True, 1, 3, 0.75),
    Hit("map", "", LONG, False, 2, None, 0.5),
]
EXAMPLE = Example(
    collection="pydocs",
    query_id="q1",
    text="how do I\nwalk two lists",
    relevant=3,
    measure="nDCG@10",
    value=0.75,
    base_value=0.5,
    first=HITS,
    below=[Hit("zip-longest", "zip_longest()", "", True, None, 9, None)],
    gone=[Hit("sum", "sum()", "", False, 8, 1, 0.25)],
)
PAGE = f"""\
# Examples after 40 steps

`base` is the rank by the base model among the same passages, `-` a rank beyond 100 or \
not known, the score a cosine; relevant passages are bold.

## how do I walk two lists

pydocs, query `q1`, relevant passages: 3, nDCG@10 0.750 (base 0.500)

| rank | base | score | passage | |
|---:|---:|---:|---|---|
| 1 | 3 | 0.750 | **`zip`** | **zip()** Joins &#124; iterables. |
| 2 | - | 0.500 | `map` | {("b " * 80).rstrip()} ... |

Relevant and further down:

- `zip-longest` **zip_longest()** (rank -, base 9)

No longer among the first:

- `sum` *sum()* (rank 8, base 1)
"""


def test_a_page_shows_what_moved() -> None:
    assert page([EXAMPLE], 40, 100) == PAGE


def test_without_a_base_nothing_is_said_of_it() -> None:
    alone = EXAMPLE._replace(base_value=None, below=[], gone=[])
    text = page([alone], 0, 100)
    assert "nDCG@10 0.750\n" in text
    assert "No longer" not in text
    assert "further down" not in text


def test_rows_are_the_first_passages() -> None:
    first, second = rows([EXAMPLE])
    assert dict(zip(COLUMNS, first, strict=True)) == {
        "collection": "pydocs",
        "query_id": "q1",
        "query": "how do I\nwalk two lists",
        "rank": 1,
        "base_rank": 3,
        "score": 0.75,
        "relevant": True,
        "passage_id": "zip",
        "passage": "Joins | iterables.",
    }
    assert second[4] == 0


def test_hostile_texts_and_ids_are_shown_as_they_are() -> None:
    """As a reader of markdown renders them: of rich, which is installed anyway."""
    text = r"# <script>`a`</script> | \| &lt; ![p](http://e/x.png) [l](e) **b** _i_ #"
    names = ["a|b", "<i>", "a`|b", "![p](e)", "a``b`"]
    hits = [Hit(name, text, text, True, 1, 1, 0.5) for name in names]
    shown = EXAMPLE._replace(
        collection="<u>", query_id="<i>", text=text, first=hits, below=hits, gone=hits
    )
    html = MarkdownIt("commonmark").enable("table").render(page([shown], 40, 100))
    assert set(re.findall(r"</?(\w+)", html)) == {
        *("h1", "h2", "p", "ul", "li", "code", "strong"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    told = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<h2>{told}</h2>" in html
    codes = ["a|b", "&lt;i&gt;", "a`|b", "![p](e)", "a``b`"]
    for row, code in zip(html.split("<tr>")[2:], codes, strict=True):
        name, cell = re.findall("<td>(.*)</td>", row)
        assert name == f"<strong><code>{code}</code></strong>"
        assert cell == f"<strong>{told}</strong> {told}"
