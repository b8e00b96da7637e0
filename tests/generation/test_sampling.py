"""Settings of a draw, and what the token limit did to an answer."""

import pytest

from dr_lightning.generation.sampling import Sampling, line_is_whole


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("temperature", 2.5, "from 0 to 2"),
        ("temperature", -0.1, "from 0 to 2"),
        ("top_p", 0, "above 0 and at most 1"),
        ("max_tokens", 0, "at least 1"),
    ],
)
def test_sampling_out_of_range_is_refused(
    name: str, value: float, accepted: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"{name} must be {accepted}, but got {value}"
    ):
        Sampling(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason", "whole"),
    [
        ("a query", "stop", True),
        ("a que", "length", False),
        ("\n\na que", "length", False),
        ("\n\na query\nMore", "length", True),
        ("", "length", False),
    ],
)
def test_line_is_whole_unless_the_limit_cut_it(
    text: str, reason: str, whole: bool
) -> None:
    assert line_is_whole(text, reason) is whole
