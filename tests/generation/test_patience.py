"""Bounds on requests and failures, and the pauses between tries."""

import pytest

from dr_lightning.generation.patience import Patience, retry_after


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("in_flight", "at least 1"),
        ("tries", "at least 1"),
        ("timeout", "above 0 seconds"),
        ("backoff", "above 0 seconds"),
        ("longest_wait", "above 0 seconds"),
    ],
)
def test_patience_out_of_range_is_refused(name: str, accepted: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be {accepted}, but got 0"):
        Patience(**{name: 0})


def test_backoff_doubles_up_to_a_minute_and_never_shortens_a_wish() -> None:
    patience = Patience(backoff=2)
    most = [patience.pause(failures, 0, chance=1) for failures in (1, 2, 3, 10)]
    assert most == [2, 4, 8, 60]
    assert patience.pause(1, 0, chance=0) == 1
    assert patience.pause(1, 90, chance=0) >= 90


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("7", 7),
        ("-3", 0),
        ("", 0),
        ("nan", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 0),
    ],
)
def test_retry_after_is_read_or_taken_as_none(
    header: str | None, seconds: float
) -> None:
    assert retry_after(header) == seconds
