import pytest

from dr_lightning.models.schedule import LinearSchedule


def factors(schedule: LinearSchedule, per_epoch: float, total: int) -> list[float]:
    return [schedule.factor(step, per_epoch, total) for step in range(total)]


def test_a_long_run_warms_up_for_half_an_epoch() -> None:
    values = factors(LinearSchedule(), 100.0, 4000)
    assert values[0] == pytest.approx(1 / 50)
    assert values[49] == values[50] == 1
    # From step 50 to 0 at epoch 30, hence halfway at 1525, never under a tenth.
    assert values[1525] == pytest.approx(0.5)
    assert values[2704] == pytest.approx(296 / 2950)
    assert values[2705:] == pytest.approx([0.1] * 1295)


def test_a_short_epoch_warms_up_for_ten_steps() -> None:
    values = factors(LinearSchedule(), 4.0, 120)
    assert values[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert values[10] == 1
    assert values[65] == pytest.approx(0.5)


def test_a_short_run_spends_at_most_a_fifth_on_it() -> None:
    values = factors(LinearSchedule(), 5.0, 10)
    assert values[:3] == pytest.approx([1 / 2, 1, 1])
    assert factors(LinearSchedule(), 1.0, 2)[0] == 1


def test_every_factor_is_above_zero_and_none_above_one() -> None:
    for per_epoch in (0.5, 1.0, 3.0, 40.0):
        for total in (1, 7, 100):
            values = factors(LinearSchedule(floor=0.01), per_epoch, total)
            assert all(0 < value <= 1 for value in values)


@pytest.mark.parametrize("name", ["warmup_share", "floor"])
def test_shares_lie_between_zero_and_one(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\], but got 1.5"):
        LinearSchedule(**{name: 1.5})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["warmup_epochs", "decay_epochs"])
def test_lengths_are_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 0, but got -1"):
        LinearSchedule(**{name: -1.0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="warmup_steps must be at least 0"):
        LinearSchedule(warmup_steps=-1)
