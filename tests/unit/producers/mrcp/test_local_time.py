"""The log's times: of a zone, of the hour that comes twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from producers.mrcp.local_time import LocalTimes


def test_times_are_of_the_servers_zone() -> None:
    local = datetime(2026, 7, 1, 12, 0, 0, 5)
    assert LocalTimes(ZoneInfo("Europe/Berlin")).utc(local) == datetime(
        2026, 7, 1, 10, 0, 0, 5, tzinfo=UTC
    )
    assert LocalTimes(UTC).utc(local) == local.replace(tzinfo=UTC)


def test_the_hour_that_comes_twice_goes_on() -> None:
    """02:00 to 03:00 of 25 October 2026, an entry each ten minutes, some a little out of order."""
    times = LocalTimes(ZoneInfo("Europe/Berlin"))
    true = [
        datetime(2026, 10, 24, 23, 0, tzinfo=UTC) + timedelta(minutes=10 * n) for n in range(20)
    ]
    true.insert(3, true[2] - timedelta(seconds=1))
    berlin = ZoneInfo("Europe/Berlin")
    assert [times.utc(at.astimezone(berlin).replace(tzinfo=None, fold=0)) for at in true] == true
