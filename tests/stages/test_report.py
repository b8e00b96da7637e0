"""`report` through the command line: the page, the markdown, and a real browser."""

import re
import shlex
from html.parser import HTMLParser
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from markdown_it import MarkdownIt

from dr_lightning import artefacts, schemas
from dr_lightning.cli import main
from dr_lightning.models.encoder import Encoder
from tests.browser import CHROMIUM, Page
from tests.run_folders import write_evaluation, write_record, write_run
from tests.tiny_data import write_tiny

BASE = [0.2, 0.4, 0.6, 0.1, 0.5, 0.3]
KL = [0.4, 0.4, 0.9, 0.0, 0.8, 0.6]
MSE = [0.1, 0.4, 0.7, 0.2, 0.4, 0.3]


class Texts(HTMLParser):
    """The texts of a page, and the tags and addresses in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {v or "" for k, v in attrs if k in {"src", "href"}}

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two experiments, a teacher, and a run that has not been evaluated yet."""
    folder = tmp_path / "runs"
    for seed in (1, 2):
        kl = write_run(folder / f"kl-{seed}", {0: BASE, 4: MSE, 8: KL}, seed=seed)
        systems = {"base": BASE, "last": KL, "teacher": [1.0] * 6}
        write_evaluation(kl / "test", systems)
    write_run(folder / "mse", {0: BASE, 4: MSE}, name="mse", rate=1e-4)
    write_record(folder / "new", status="running")
    return folder


def written(runs: Path, *options: str) -> tuple[str, str]:
    """The page and the markdown."""
    out = runs.parent / "report.html"
    main(["report", str(runs), f"--out={out}", *options])
    return out.read_text("utf-8"), out.with_suffix(".md").read_text("utf-8")


def test_page_and_markdown_tell_the_same(runs: Path) -> None:
    page, markdown = written(runs, "--family=[kl > base]", "--title=Two objectives")
    found = Texts(page)
    for text in (
        "Two objectives",
        "scifact: 6 judged queries",
        "dev (validation): 6 judged queries",
        "kl selected = last > base on scifact",
        "model.optimizer.init_args.lr",
        "running or killed",
        "Agreement with the teacher on scifact",
    ):
        assert text in found.texts, text
        assert text.replace(">", "\\>") in markdown or text in markdown, text
    # (0.2 + 0 + 0.3 - 0.1 + 0.3 + 0.3) / 6
    row = "| kl selected = last | 2 | 0.5167 ± 0.0000 | +0.1667 ("
    assert row in markdown
    assert "+0.1667 (" in page
    config = shlex.quote(str(runs / "mse" / "config.yaml"))
    assert f"python -m dr_lightning fit --config {config}" in found.texts[-1] + markdown
    last = markdown.rstrip("`\n").splitlines()[-1]
    assert "'--title=Two objectives' '--family=[kl > base]' --overwrite=true" in last


def test_what_is_shown_of_the_loop_s_queries_is_called_validation(
    tmp_path: Path,
) -> None:
    write_run(tmp_path / "runs" / "kl", {0: BASE, 4: KL})
    page, markdown = written(tmp_path / "runs")
    for title in (
        "Difference from the base: dev (validation)",
        "Change of each query: dev (validation)",
    ):
        assert title in page
    assert "**kl selected = last on dev (validation): most gained**" in markdown
    assert "a gain or a claim there is no test" in markdown


def test_the_page_stands_alone(runs: Path) -> None:
    page, _ = written(runs)
    found = Texts(page)
    assert not {"script", "img", "iframe", "object"} & found.tags
    assert {a for a in found.addresses if not a.startswith("#")} == {"data:,"}
    assert "url(" not in page
    assert "@import" not in page


def test_names_and_texts_are_escaped(tmp_path: Path) -> None:
    bad = "<script>alert('|x|')</script>"
    write_evaluation(tmp_path, {"base": BASE, bad: KL}, collection="<b>&amp;")
    page, markdown = written(tmp_path, f"--title={bad}")
    found = Texts(page)
    assert "script" not in found.tags
    assert bad in found.texts
    assert "<b>&amp;: 6 judged queries" in found.texts
    assert "| &lt;script>alert('&#124;x&#124;')&lt;/script> |" in markdown


def test_no_text_of_others_is_markdown(tmp_path: Path) -> None:
    """A reader of markdown loads no image and follows no link of a name or a title."""
    bad = "![p](http://evil/x.png) [l](http://evil) **b** _i_ `c` ~~s~~ &lt; a_b"
    runs = tmp_path / "runs"
    write_run(runs / "a", {0: BASE, 4: KL}, name=bad, rate=1e-4)
    write_run(runs / "b", {0: BASE, 4: KL}, name=bad)  # a note tells the name
    systems = {"base": BASE, f"{bad} 2": MSE, "teacher": KL}
    write_evaluation(runs / "c", systems, collection=bad)
    _, markdown = written(runs, f"--title={bad}\n```\n{bad}")
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    tags = set(re.findall(r"<(\w+)", html))
    table = {"table", "thead", "tbody", "tr", "th", "td"}
    assert tags == {"h1", "h2", "p", "ul", "li", "strong", "pre", "code"} | table
    told = bad.replace("&", "&amp;")
    assert f"<h1>{told} ``` {told}</h1>" in html
    assert f"<strong>{told}: 6 judged queries</strong>" in html
    assert html.count(told) > 10
    # The commands are one block, whatever stands in it.
    assert html.count("<pre>") == 1


def test_queries_that_changed_have_their_passages(tmp_path: Path) -> None:
    """From `evaluate` itself, whose manifests name the collection's files."""
    data = write_tiny(tmp_path / "tiny")
    qrels = artefacts.read(data / "qrels.parquet", schemas.QRELS)
    good = qrels.select(
        "query_id",
        pl.concat_list("passage_id"),
        score=pl.lit([0.5], pl.List(pl.Float32)),
    )
    wrong = good.with_columns(passage_id=pl.lit(["coin-east"]))
    for name, frame in (("good", good), ("wrong", wrong)):
        file = tmp_path / f"{name}.parquet"
        artefacts.write(frame, file, schemas.RUN, artefacts.Manifest(stage="test"))
    out = tmp_path / "out"
    files = [
        f"--collection.{n}={data / n}.parquet" for n in ("corpus", "queries", "qrels")
    ]
    systems = (
        f"--runs=[base={tmp_path / 'wrong.parquet'}, fit={tmp_path / 'good.parquet'}]"
    )
    main(["evaluate", "--collection.name=tiny", *files, systems, f"--out={out}"])
    page, markdown = written(out)
    assert "0.000 → 1.000" in page
    assert "where is the river north" in page
    assert "- before: coin-east coin the coin of the east east" in markdown
    assert "- after: river-north (relevant) river the river of the north" in markdown
    assert "By length of the query" not in page  # all have five words
    assert "python -m dr_lightning evaluate --collection.name=tiny" in markdown
    assert f"--measures=[nDCG@10, R@100, RR@10]' '{systems}'" in markdown


def test_a_repeated_evaluation_reads_the_collection_in_the_same_way(
    tmp_path: Path, tiny_encoder_dir: Path
) -> None:
    data = write_tiny(tmp_path / "tiny")
    files = [
        f"--collection.{n}={data / n}.parquet" for n in ("corpus", "queries", "qrels")
    ]
    how = ["--template={text}", "--encoding.batch_tokens=64", "--search=ExactSearch"]
    how.append("--loading.attention=eager")
    out = tmp_path / "out"
    Encoder(str(tiny_encoder_dir), "mean").save(tmp_path / "model")
    model = f"--models=[base={tmp_path / 'model'}]"
    given = ["--collection.name=tiny", *files, model, f"--out={out}", *how]
    main(["evaluate", *given, f"--cache={tmp_path / 'cache'}"])
    _, markdown = written(out)
    (line,) = re.findall(r"python -m dr_lightning (evaluate .*)", markdown)
    before = artefacts.read_manifest(out / "run-0.parquet")["settings"]
    main([*shlex.split(line), f"--cache={tmp_path / 'cache'}"])
    assert artefacts.read_manifest(out / "run-0.parquet")["settings"] == before
    assert before["template"] == "{text}"
    assert before["encoding"]["batch_tokens"] == 64
    assert before["loading"]["attention"] == "eager"
    assert before["search"]["init_args"] == {"memory_mb": 256, "device": None}


@pytest.mark.parametrize("broken", [None, b"PAR1", b""], ids=["gone", "half", "empty"])
def test_a_ranking_that_cannot_be_read_costs_its_passages_alone(
    runs: Path, broken: bytes | None
) -> None:
    """Of the first seed; the other's agrees with the teacher alone."""
    file = runs / "kl-1" / "test" / "run-1.parquet"
    spoil(file, broken)
    page, markdown = written(runs)
    assert f"{file}: missing or half-written. The values count" in page
    assert "| kl selected = last | 2 | 0.5167" in markdown
    assert "| kl selected = last | teacher |" in markdown
    changed = markdown.split("kl selected = last on scifact: most gained")[1]
    before, after = changed.splitlines()[3:5]
    assert before == "  - before: a; b"
    assert after.strip() == "- after:"


def test_a_teacher_whose_rankings_are_gone_has_no_agreement(runs: Path) -> None:
    """While one of equal copies is there, nothing is missed."""
    spoil(runs / "kl-1" / "test" / "run-2.parquet", None)
    page, markdown = written(runs)
    assert "missing or half-written" not in page
    assert "| kl selected = last | teacher |" in markdown
    spoil(runs / "kl-2" / "test" / "run-2.parquet", None)
    page, markdown = written(runs, "--overwrite=true")
    assert "run-2.parquet: missing or half-written. The values count" in page
    assert "Agreement with the teacher" not in page
    assert "| teacher | " in markdown


def spoil(file: Path, broken: bytes | None) -> None:
    """Takes a file away, or all that it holds."""
    file.unlink()
    if broken is not None:
        file.write_bytes(broken)


def test_queries_are_those_of_the_selected_checkpoint(tmp_path: Path) -> None:
    """The last one where none was selected; never of base and teacher."""
    kl = write_run(tmp_path / "kl", {0: BASE, 4: MSE, 8: KL}, selected=4)
    teacher = [1.0] * 6
    both = {"base": BASE, "selected": MSE, "last": KL, "teacher": teacher}
    write_evaluation(kl / "one", both, "one")
    write_evaluation(kl / "two", {"base": BASE, "last": KL}, "two")
    _, markdown = written(kl)
    titles = [line for line in markdown.splitlines() if line.endswith("gained**")]
    assert titles == [
        "**kl selected on one: most gained**",
        "**kl last on two: most gained**",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out={out}.pdf"], "must end in .html"),
        (["--out={out}.html", "--measures=[AP]"], "no measure 'AP'"),
        (["--out={out}.html", "--family=[a > b]"], "no system 'a'"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    runs: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    told = [option.format(out=tmp_path / "r") for option in options]
    with pytest.raises(ValueError, match=message):
        main(["report", str(runs), *told])
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_file_that_exists_is_not_replaced(runs: Path, name: str) -> None:
    (runs.parent / name).write_text("mine", "utf-8")
    with pytest.raises(ValueError, match=f"{name} exists"):
        written(runs)
    page, _ = written(runs, "--overwrite=true")
    assert page.startswith("<!doctype html>")


def test_without_altair_the_extra_is_named(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> Any:
        return None if name == "vl_convert" else util.find_spec(name)

    monkeypatch.setattr("dr_lightning.stages.report.find_spec", find_spec)
    with pytest.raises(ValueError, match=r"pip install 'dr-lightning\[report\]'"):
        written(runs)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_it_in_light_and_dark_and_on_a_phone(
    runs: Path, tmp_path: Path
) -> None:
    written(runs, "--family=[kl > base, kl > mse on dev]")
    with Page(tmp_path / "report.html", tmp_path / "profile") as page:
        grounds = {}
        for scheme, width in [(s, w) for s in ("light", "dark") for w in (1200, 400)]:
            pixels = page.look(width, scheme)
            grounds[scheme] = pixels[0, 0].astype(int)
            ink = np.abs(pixels.astype(int) - grounds[scheme]).sum(axis=2) > 300
            assert 0.01 < ink.mean() < 0.5, "text on a ground"
            inside = "document.documentElement.scrollWidth <= innerWidth"
            assert page.evaluate(inside), f"{width} pixels are too few"
            assert page.evaluate(SHOWN) == ("narrow" if width == 400 else "wide")
            # Lines and letters of the plots take the page's colour.
            assert page.evaluate(INKS) == [page.evaluate(TEXT)]
        assert grounds["light"].min() > 230
        assert grounds["dark"].max() < 50
        faults = [e for e in page.events if e["method"] in FAULTS]
        assert faults == []
        asked = [e for e in page.events if e["method"] == "Network.requestWillBeSent"]
        assert len(asked) == 1, "only the page itself"


FAULTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
TEXT = "getComputedStyle(document.body).color"
INKS = """[...new Set([...document.querySelectorAll('figure text')].map(
    text => getComputedStyle(text).fill))]"""
SHOWN = """[...document.querySelectorAll('figure')[0].querySelectorAll('div')].filter(
    part => part.offsetWidth > 0).map(part => part.className).join()"""
