"""TIME on the command line: what is accepted, what is assumed, what is refused."""

from datetime import UTC, datetime

import pytest

from operate.explain.time_expressions import parse_time
from runtime.settings import BadArgument

NOW = datetime(2026, 3, 1, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-02-28T23:00:00Z", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("2026-03-01T04:00:00.250+01:00", datetime(2026, 3, 1, 3, 0, 0, 250_000, UTC)),
        ("-10m", datetime(2026, 3, 1, 3, 20, tzinfo=UTC)),
        ("-1h30m", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("-2d", datetime(2026, 2, 27, 3, 30, tzinfo=UTC)),
        ("-5s", datetime(2026, 3, 1, 3, 29, 55, tzinfo=UTC)),
        ("04:12+01:00", datetime(2026, 3, 1, 3, 12, tzinfo=UTC)),
    ],
)
def test_time_with_zone_needs_no_assumption(text: str, at: datetime) -> None:
    assert parse_time(text, NOW) == (at, "")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-02-28 23:00", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("03:12:07", datetime(2026, 3, 1, 3, 12, 7, tzinfo=UTC)),
        (
            "23:50",
            datetime(2026, 2, 28, 23, 50, tzinfo=UTC),
        ),  # yesterday's: it is 03:30
    ],
)
def test_time_without_zone_is_utc_and_the_assumption_is_stated(text: str, at: datetime) -> None:
    found, assumed = parse_time(text, NOW)
    assert found == at
    assert "UTC" in assumed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-01T03:31:00Z", "future"),
        ("yesterday", "not a time"),
        ("-", "not a time"),
        ("-10", "not a time"),
        ("10m", "not a time"),
        ("2026", "not a time"),
        ("", "not a time"),
        ("-99999999999d", "too long ago"),
        ("0001-01-01T00:00+14:00", "not a time"),
    ],
)
def test_unusable_time_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadArgument, match=reason):
        parse_time(text, NOW)
