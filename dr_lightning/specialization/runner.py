"""Runs the steps that are not finished, in order, and records what they made."""

import logging
from pkgutil import resolve_name

from dr_lightning.specialization.options import Settings
from dr_lightning.specialization.report import write_report
from dr_lightning.specialization.steps import build, layout_of, names
from dr_lightning.specialization.writers import writers
from dr_lightning.steps.lock import lock
from dr_lightning.steps.run_step import run_step

logger = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Runs what is not finished.

    Args:
        settings: What `options.read` gave.

    Raises:
        ValueError: If the folder is in use, or a step fails.
    """
    layout = layout_of(settings)
    chosen = _chosen(settings)
    _warn_of_rules(settings)
    with lock(layout.work) as descriptor:
        anew = False
        for name in chosen:
            anew = anew or name == settings["start"]
            step = build(name, settings)
            folder = layout.steps(step.shared)
            run_step(step, folder, layout.work, descriptor, anew)
        if chosen[-1] == "evaluate":
            told = write_report(settings)
            if told:
                logger.info("specialize: %s", told)
            logger.info("specialize: the report lies in %s", layout.report)
            logger.info("specialize: the retriever lies in %s", layout.model)


def _warn_of_rules(settings: Settings) -> None:
    rules = [
        name
        for name, writer in writers(settings).items()
        if getattr(resolve_name(writer["engine"]["class_path"]), "extracts", False)
    ]
    if rules and settings["retrieve"]["source_depth"] != 1:
        logger.warning(
            "specialize: %s writes queries by rule, and vague ones can make the model "
            "worse; retrieve.source_depth: 1 keeps those that the student already "
            "answers (docs/findings.md). It is %s.",
            " and ".join(rules),
            settings["retrieve"]["source_depth"],
        )


def _chosen(settings: Settings) -> list[str]:
    """The steps up to `until`."""
    known = names(settings)
    for option in ("start", "until"):
        wanted = settings[option]
        if wanted is not None and wanted not in known:
            name = "--from" if option == "start" else "--until"
            msg = f"{name} must be one of {', '.join(known)}, but got {wanted!r}."
            raise ValueError(msg)
    start, until = settings["start"], settings["until"]
    chosen = known if until is None else known[: known.index(until) + 1]
    if start is not None and start not in chosen:
        msg = f"--from {start} comes after --until {until}. Name an earlier step."
        raise ValueError(msg)
    return chosen
