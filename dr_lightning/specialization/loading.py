"""Parts of a run, made from its settings."""

from typing import Any

from jsonargparse import ArgumentParser

from dr_lightning.models.encoder import Encoder
from dr_lightning.specialization.options import Settings


def load_student(settings: Settings) -> Encoder:
    """Loads the model to specialise.

    Args:
        settings: What `options.read` gave.

    Raises:
        ValueError: If its settings do not suit it, or it cannot be found.
    """
    student: Encoder = instantiate(Encoder, settings["student"])
    return student


def instantiate(kind: Any, given: Any) -> Any:
    """Makes an object from class_path and init_args.

    Args:
        kind: What it has to be, a class or a protocol.
        given: As the settings hold it.
    """
    parser = ArgumentParser()
    parser.add_argument("--part", type=kind)
    return parser.instantiate(parser.parse_object({"part": given})).part
