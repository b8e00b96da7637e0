"""Whether a student's scores are what objectives are made for."""

from dr_lightning.models.encoder import Encoder


def check_cosines(encoder: Encoder) -> None:
    """Refuses to train on dot products, unless the user asks for them.

    A temperature of 0.05 or 0.01 turns cosines into logits of some tens. Dot products
    of embeddings that have any length become thousands: one passage takes all of the
    softmax, and the loss is noise.

    Args:
        encoder: The student.

    Raises:
        ValueError: If it does not scale embeddings to length 1 for no other reason than
            that its folder says so.
    """
    if encoder.settings.normalize or encoder.given.normalize is not None:
        return
    msg = (
        f"encoder {encoder.name!r} gives dot products of any size, as its folder says, "
        "but the temperatures of objectives (0.05, 0.01) are for cosines in [-1, 1]. "
        "Set its normalize: true to train on cosines, or false to train on dot "
        "products with temperatures of your own."
    )
    raise ValueError(msg)
