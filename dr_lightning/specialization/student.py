"""The student of a run, loaded."""

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
    parser = ArgumentParser()
    parser.add_argument("--student", type=Encoder)
    parsed = parser.parse_object({"student": settings["student"]})
    student: Encoder = parser.instantiate(parsed).student
    return student
