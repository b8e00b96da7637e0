"""What the bar of `generate` tells, with a clock of our own."""

from dr_lightning.generation.meter import Counts, Meter


class Clock:
    """Shows the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_means_from_the_start_and_time_left_follows() -> None:
    """30 of 600 queries in a minute: 570 more take 19."""
    clock = Clock()
    meter = Meter(600, clock)
    clock.now = 60.0
    for _ in range(30):
        meter.hear(Counts(queries=1, tokens=12))
    told = "0.50 queries, 6.00 tokens a second, 0% dropped, 0:19:00 left"
    assert meter.told() == told


def test_a_finished_part_takes_the_place_of_what_was_heard_of_it() -> None:
    """Duplicates show only in the whole part: 3 of 10 are dropped, not 1 of 8."""
    clock = Clock()
    meter = Meter(20, clock)
    clock.now = 10.0
    meter.hear(Counts(8, 80, 1))
    meter.settle(Counts(10, 100, 3))
    assert meter.counts == Counts(10, 100, 3)
    meter.hear(Counts(1, 5, 1))
    assert meter.counts == Counts(11, 105, 4)
    assert "36% dropped" in meter.told()


def test_an_engine_that_reports_nothing_moves_with_its_parts() -> None:
    meter = Meter(4, Clock())
    meter.settle(Counts(4))
    assert meter.told().endswith("0:00:00 left")
