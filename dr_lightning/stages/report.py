"""`report`: runs and evaluations as a page with plots, and as markdown."""

import logging
from importlib.util import find_spec
from pathlib import Path

from dr_lightning import artefacts
from dr_lightning.analysis.family import assess
from dr_lightning.analysis.names import unranked
from dr_lightning.analysis.results import load
from dr_lightning.analysis.scores import scores

logger = logging.getLogger(__name__)

PLOTTERS = ("altair", "vl_convert")
"""Packages of the extra `report`."""


def report(
    paths: list[Path],
    out: Path,
    measures: list[str] | None = None,
    family: list[str] | None = None,
    title: str = "Runs compared",
    overwrite: bool = False,
) -> None:
    """Write a page about runs: tables, plots, queries that gained and lost.

    The page needs no network. The same tables are written as markdown beside it.

    Args:
        paths: Folders that `fit`, `evaluate --out` or `specialize` wrote, or folders
            of such, one or more.
        out: The page, a file that ends in .html.
        measures: Columns, the first to compare by; null = all that were measured.
        family: Claims to test together, as `kl > base`, `kl > base on scifact`, or with
            a margin `synthetic > human - 0.02`; best written down before the runs. p
            values are shown for these alone.
        title: Heads the page.
        overwrite: Whether existing files may be replaced.
    """
    if out.suffix != ".html":
        msg = f"{out}: a report's name must end in .html. Choose another path."
        raise ValueError(msg)
    beside = out.with_suffix(".md")
    for path in (out, beside):
        artefacts.refuse_existing(path, overwrite)
    _require_altair()
    from dr_lightning.analysis import page, run_section, sections

    command = ["report", *map(str, paths), f"--out={out}", f"--title={title}"]
    for name, values in (("measures", measures), ("family", family)):
        command += [f"--{name}=[{', '.join(values)}]"] if values else []
    command.append("--overwrite=true")
    results = load(paths)
    found = scores(results, measures)
    told = [
        sections.effectiveness(found, assess(found, family or [])),
        sections.queries(results, found),
        sections.groups(results, found),
        sections.agreement(results, found),
        sections.training(results, found),
        run_section.runs(results, command),
    ]
    notes = [*results.notes, *found.notes, *unranked(results.ends)]
    for path, write in ((out, page.html), (beside, page.markdown)):
        with artefacts.replacing(path) as file:
            file.write_text(write(title, notes, told), "utf-8")
    logger.info("report: %d runs -> %s, %s", len(results.runs), out, beside)


def _require_altair() -> None:
    if not all(map(find_spec, PLOTTERS)):
        msg = (
            "plots need altair and vl-convert-python. "
            "`pip install 'dr-lightning[report]'` brings them; `compare` needs neither."
        )
        raise ValueError(msg)
