"""The `specialize` command: reads, checks what would fail late, plans or runs."""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from tempfile import TemporaryDirectory

from dr_lightning.generation.engine import Engine
from dr_lightning.generation.prompts import make_prompts
from dr_lightning.generation.query_type import built_in_types, load_query_types
from dr_lightning.models.cosines import check_cosines
from dr_lightning.models.weights import check_there
from dr_lightning.specialization.loading import instantiate, load_student
from dr_lightning.specialization.options import Settings, read
from dr_lightning.specialization.plan import show_plan
from dr_lightning.specialization.runner import run as run_steps
from dr_lightning.specialization.steps import build
from dr_lightning.specialization.teachers import teachers
from dr_lightning.specialization.writers import writers
from dr_lightning.steps import commands
from dr_lightning.training import check_exports, resolve


def run(args: Sequence[str]) -> None:
    """Runs the command.

    Args:
        args: Its options.

    Raises:
        ValueError: If an option, a model or the config of `fit` is wrong, which would
            otherwise show hours later; or if a step fails.
    """
    settings = read(args)
    _check_types(settings)
    _check_models(settings)
    _check_fit(settings)
    if settings["plan"]:
        show_plan(settings)
    else:
        run_steps(settings)


def _check_types(settings: Settings) -> None:
    """Looks at the query types of all writers, which run one after the other."""
    shots = settings["generate"]["shots"]
    for own in writers(settings).values():
        engine, types = own["engine"], own["types"]
        # One of the user's own may tell it only when it is made, with its model.
        chats = getattr(resolve_name(engine["class_path"]), "takes_chat", None)
        if chats:
            load_query_types(types or built_in_types(), shots)
        elif chats is False:
            rules: Engine = instantiate(Engine, engine)
            make_prompts(rules, types, shots, seed=0, example_sets=None)


def _check_models(settings: Settings) -> None:
    engines = [own["engine"] for own in writers(settings).values()]
    for part in (*teachers(settings).values(), *engines):
        given = part.get("init_args", {})
        # An endpoint's model is a name that the endpoint alone knows.
        if isinstance(given.get("model"), str) and "url" not in given:
            check_there(given["model"], given.get("revision"))
    # Small beside the others, and soon needed.
    check_cosines(load_student(settings))


def _check_fit(settings: Settings) -> None:
    """Parses the config of `fit` as the verb itself will."""
    step = build("fit", settings)
    if step.base is not None and not step.base.is_file():
        msg = f"{step.base}: no such file. Give a config of `fit`, or leave fit out."
        raise ValueError(msg)
    with TemporaryDirectory() as folder:
        config = commands.write_yaml(step, Path(folder))
        found = resolve(commands.arguments(step, config))
    check_exports(found, str(step.base))
