"""The markdown of a report, as a reader of it renders it."""

import re

from markdown_it import MarkdownIt

from dr_lightning.analysis import page
from dr_lightning.analysis.changes import Change, Passage
from dr_lightning.analysis.section import Changed, Section


def test_a_hostile_text_is_a_line_of_a_list() -> None:
    """Of queries and passages, which people write that nobody knows."""
    bad = "# ![p](http://evil/x.png)\n\n> <img src=x> *b* #"
    change = Change("q", bad, 0.1, 0.2, (Passage("[x]", bad, 1),), ())
    section = Section("s", bad, changed=[Changed(bad, [change], [])])
    html = MarkdownIt("commonmark").render(page.markdown(bad, [bad], [section]))
    assert set(re.findall(r"<(\w+)", html)) == {"h1", "h2", "p", "ul", "li", "strong"}
    told = "# ![p](http://evil/x.png) &gt; &lt;img src=x&gt; *b* #"
    assert f"<h1>{told}</h1>" in html
    assert f"<li>{told}</li>" in html
    assert f"0.100 -&gt; 0.200: {told}" in html
    assert f"[x] (relevant) {told}" in html
