"""A bar on a terminal; in a log, a line a minute."""

import logging

import pytest

from dr_lightning.progress import EVERY, follow


def test_a_log_gets_a_line_a_minute_with_the_time_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    with (
        caplog.at_level(logging.INFO),
        follow("score", 4000, "pairs", lambda: now) as show,
    ):
        for done in range(0, 4001, 10):
            now = done / 10 * EVERY / 100  # 1,000 pairs a minute
            show(done)
    assert [record.getMessage() for record in caplog.records] == [
        "score: 1,000 of 4,000 pairs: 0:03:00 left",
        "score: 2,000 of 4,000 pairs: 0:02:00 left",
        "score: 3,000 of 4,000 pairs: 0:01:00 left",
        "score: 4,000 of 4,000 pairs: 0:00:00 left",
    ]


def test_what_else_is_told_stands_for_the_time_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    with (
        caplog.at_level(logging.INFO),
        follow("generate", 10, "queries", lambda: now) as show,
    ):
        now = 2 * EVERY
        show(0, "5% dropped")
        show(1, "6% dropped")
    told = [record.getMessage() for record in caplog.records]
    assert told == ["generate: 0 of 10 queries: 5% dropped"]


def test_a_terminal_gets_a_bar_and_no_lines(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    monkeypatch.setenv("COLUMNS", "100")
    now = 0.0
    with (
        caplog.at_level(logging.INFO),
        follow("score", 10, "pairs", lambda: now) as show,
    ):
        now = 3 * EVERY
        show(0)
        show(5)
    shown = capsys.readouterr()
    assert "5 of 10 pairs" in shown.err
    assert "0:03:00 left" in shown.err
    assert not shown.out
    assert not caplog.records
