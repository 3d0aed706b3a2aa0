"""TIME on the command line: what is taken, what is assumed, what is refused."""

from datetime import UTC, datetime

import pytest

from operate.explain.time_expressions import parse_moment
from runtime.settings import BadArgument

NOW = datetime(2026, 3, 1, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
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
def test_what_names_a_moment_leaves_nothing_open(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == (moment, "")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-28 23:00", datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("03:12:07", datetime(2026, 3, 1, 3, 12, 7, tzinfo=UTC)),
        ("23:50", datetime(2026, 2, 28, 23, 50, tzinfo=UTC)),  # yesterday's: today's is to come
    ],
)
def test_without_a_zone_it_is_utc_and_said_so(text: str, moment: datetime) -> None:
    at, assumed = parse_moment(text, NOW)
    assert at == moment
    assert "UTC" in assumed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-01T03:31:00Z", "future"),
        ("yesterday", "no time"),
        ("-", "no time"),
        ("-10", "no time"),
        ("10m", "no time"),
        ("2026", "no time"),
        ("", "no time"),
        ("-99999999999d", "too long ago"),
        ("0001-01-01T00:00+14:00", "no time"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        parse_moment(text, NOW)
