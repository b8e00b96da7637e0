"""The command line: Lightning's verbs and the stages, imported when called."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TextIO, get_args

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it."""
VERBS = {
    "fit": "Train a bi-encoder on training lists.",
    "validate": "Compute dev loss and retrieval metrics of a model.",
    "test": "Compute retrieval metrics on the test collections.",
    "predict": "Write embeddings of collections.",
}
PIPELINE = {
    "specialize": "Turn a corpus into a retriever that is better on it: all stages.",
    "sweep": "Train and judge a table of settings, each with several seeds.",
}
PIPELINE_ROOMS = {"specialize": "specialization", "sweep": "sweep"}
STAGES = {
    "ingest": "Turn a collection into corpus, queries and qrels.",
    "deduplicate": "Drop passages that another one can stand for, and draw a sample.",
    "generate": "Write queries for passages.",
    "retrieve": "Find the best passages of a corpus for each query.",
    "score": "Score candidates with a teacher.",
    "curate": "Turn queries and teacher scores into training lists.",
    "evaluate": "Compare encoders on a collection, side by side.",
    "search": "Show the best passages for a typed query.",
    "export": "Turn a checkpoint into a model folder.",
}
RESULTS = {
    "compare": "Show runs side by side: base, selected and last checkpoint, teacher.",
    "report": "Write a page about runs: tables, plots, queries that gained and lost.",
}
#: Commands whose first option needs no name, and what it is.
POSITIONAL = {
    "search": ("query", "What to look for; one or more."),
    "compare": ("paths", "Folders of runs and evaluations; one or more."),
    "report": ("paths", "Folders of runs and evaluations; one or more."),
}


def usage() -> str:
    """All commands with a line each."""
    width = max(map(len, [*PIPELINE, *VERBS, *STAGES, *RESULTS]))
    lines = ["usage: python -m dr_lightning COMMAND [--config FILE] [--option value]"]
    groups = {
        "several commands in one": PIPELINE,
        "train (LightningCLI)": VERBS,
        "stages (parquet in, parquet out)": STAGES,
        "results (any number of runs)": RESULTS,
    }
    for title, commands in groups.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<{width}}  {text}" for name, text in commands.items()]
    lines += ["", "COMMAND --help tells its options."]
    return "\n".join(lines)


def main(args: Sequence[str] | None = None) -> None:
    """Runs a command.

    From a shell, an error that the user can mend is told in a line, without traceback,
    and so is Ctrl-C; from Python it is raised.

    Args:
        args: The command and its options; null = those of the process.
    """
    if args is not None:
        _run(list(args))
        return
    try:
        _run(sys.argv[1:])
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        raise SystemExit(INTERRUPTED) from None


def _run(args: list[str]) -> None:
    if not args or args[0] in {"-h", "--help"}:
        sys.stdout.write(usage() + "\n")
        return
    command = args[0]
    if command == "--version":
        sys.stdout.write(import_module("dr_lightning").__version__ + "\n")
        return
    if command not in {*PIPELINE, *VERBS, *STAGES, *RESULTS}:
        sys.stderr.write(f"{usage()}\n\nerror: there is no command {command!r}.\n")
        raise SystemExit(2)
    _prepare()
    if command in PIPELINE:
        room = PIPELINE_ROOMS[command]
        import_module(f"dr_lightning.{room}.command").run(args[1:])
    elif command in VERBS:
        import_module("dr_lightning.training").run(args)
    else:
        _stage(command, args[1:])


def _stage(name: str, args: list[str]) -> None:
    """Calls a stage: its signature is its options, its docstring its help."""
    from jsonargparse import ArgumentParser

    function = getattr(import_module(f"dr_lightning.stages.{name}"), name)
    summary = (function.__doc__ or "").split("\n\n    Args:")[0]
    parser = ArgumentParser(prog=f"dr_lightning {name}", description=summary)
    parser.add_argument("--config", action="config", help="A YAML file of options.")
    skip: set[str | int] = set()
    if name in POSITIONAL:
        option, text = POSITIONAL[name]
        kind = get_args(function.__annotations__[option])[0]
        parser.add_argument(option, nargs="+", type=kind, help=text)
        skip.add(option)
    parser.add_function_arguments(
        function, as_group=False, as_positional=False, skip=skip, sub_configs=True
    )
    settings = parser.instantiate(parser.parse_args(args))
    del settings["config"]
    function(**vars(settings))


def _prepare() -> None:
    """Logging for people, and no noise that they cannot act on."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # Lightning 2.6 with torch 2.13 says so at every step; mended upstream.
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)")
    ours = logging.getLogger("dr_lightning")
    if not ours.handlers:
        ours.addHandler(_Messages())
    ours.setLevel(logging.INFO)


class _Messages(logging.StreamHandler[TextIO]):
    """Writes to the standard error of the moment.

    A notebook, a test and a progress bar put another one in its place.
    """

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
