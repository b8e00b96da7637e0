"""Training goes on while either of the watched values still falls."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dr_lightning.callbacks import StopEarly


def trainer(fn: str = "fit", sanity_checking: bool = False, **values: float) -> Any:
    logged = {f"val/{name}": torch.tensor(value) for name, value in values.items()}
    return SimpleNamespace(
        sanity_checking=sanity_checking,
        state=SimpleNamespace(fn=fn),
        callback_metrics=logged,
        should_stop=False,
    )


def stops_after(callback: StopEarly, *evaluations: dict[str, float]) -> int | None:
    """The number of the evaluation that stopped the run; None if none did."""
    for number, values in enumerate(evaluations):
        at = trainer(**values)  # type: ignore[arg-type]
        callback.on_validation_end(at, None)  # type: ignore[arg-type]
        if at.should_stop:
            return number
    return None


def both(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"loss": loss, "listwise_kl": kl} for loss, kl in pairs]


def test_it_stops_when_neither_fell_for_two_evaluations() -> None:
    found = stops_after(StopEarly(), *both((3, 3), (2, 2), (2, 2), (2.5, 2), (1, 1)))
    assert found == 3


@pytest.mark.parametrize("falling", [0, 1])
def test_one_that_falls_is_enough(falling: int) -> None:
    rising = [(5.0 - step, float(step)) for step in range(5)]
    pairs = [pair if falling == 0 else pair[::-1] for pair in rising]
    assert stops_after(StopEarly(), *both(*pairs)) is None


def test_what_counts_is_the_lowest_so_far_and_not_the_one_before() -> None:
    found = stops_after(StopEarly(), *both((1, 1), (3, 3), (2, 2)))
    assert found == 2


def test_a_new_minimum_starts_the_count_anew() -> None:
    pairs = both((3, 3), (4, 4), (2, 4), (4, 4), (4, 4))
    assert stops_after(StopEarly(), *pairs) == 4


def test_patience_is_the_number_of_evaluations_borne() -> None:
    pairs = both((1, 1), (1, 1), (1, 1), (1, 1))
    assert stops_after(StopEarly(patience=1), *pairs) == 1
    assert stops_after(StopEarly(patience=3), *pairs) == 3


def test_a_key_that_the_objective_does_not_log_is_passed_over() -> None:
    assert stops_after(StopEarly(), {"loss": 1}, {"loss": 2}, {"loss": 2}) == 2


def test_a_value_that_is_no_number_does_not_count_as_a_fall() -> None:
    nan = float("nan")
    assert stops_after(StopEarly(), *both((1, 1), (nan, nan), (nan, nan))) == 2


def test_no_logged_key_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"watches .*, but the validation logs .*R@5"):
        stops_after(StopEarly(), {"R@5": 0.5})


def test_validations_outside_a_run_do_not_count() -> None:
    callback = StopEarly(patience=1)
    for at in (trainer("validate"), trainer(sanity_checking=True)):
        callback.on_validation_end(at, None)  # type: ignore[arg-type]
    assert (callback.best, callback.waited) == ({}, 0)


def test_a_checkpoint_keeps_minima_and_count() -> None:
    first = StopEarly()
    stops_after(first, *both((1, 1), (2, 2)))
    second = StopEarly()
    second.load_state_dict(first.state_dict())
    assert stops_after(second, *both((2, 2))) == 0


def test_patience_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="patience must be at least 1, but got 0"):
        StopEarly(patience=0)
