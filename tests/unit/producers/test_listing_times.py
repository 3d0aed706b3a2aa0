"""When registrars are listed: after losses twice, else now and then, and never too often."""

from producers.listing_times import AGAIN_SECONDS, PAUSE_SECONDS, ListingTimes
from streams.folds.ordering import LISTING_LAG

INTERVAL = 300.0


def listed(times: ListingTimes, until: float, *, fails: bool = False) -> list[float]:
    """The moments of its listings from 0 on, each of which takes no time."""
    moments = []
    now = 0.0
    while now < until:
        if times.is_due(now):
            times.begin(now)
            times.end(succeeded=not fails)
            moments.append(now)
        now += 0.5
    return moments


def test_the_second_listing_covers_what_the_first_may_not_conclude() -> None:
    assert LISTING_LAG.total_seconds() < AGAIN_SECONDS
    assert listed(ListingTimes(INTERVAL), 700) == [0, 4, 304, 604]


def test_lost_events_cause_two_listings() -> None:
    times = ListingTimes(INTERVAL)
    listed(times, 10)
    times.ask()
    assert times.is_due(10)
    times.begin(10)
    times.end()
    assert not times.is_due(10 + AGAIN_SECONDS - 0.1)
    assert times.is_due(10 + AGAIN_SECONDS)
    times.begin(10 + AGAIN_SECONDS)
    times.end()
    assert not times.is_due(10 + AGAIN_SECONDS + INTERVAL - 1)


def test_what_is_lost_while_a_listing_is_made_needs_another() -> None:
    times = ListingTimes(INTERVAL)
    times.begin(0)
    times.ask()
    times.end()
    assert not times.is_due(PAUSE_SECONDS - 0.1)
    assert times.is_due(PAUSE_SECONDS)


def test_a_failed_listing_is_repeated_after_a_pause() -> None:
    assert listed(ListingTimes(INTERVAL), 7, fails=True) == [0, 2, 4, 6]


def test_a_short_interval_is_kept() -> None:
    assert listed(ListingTimes(3), 10) == [0, 3, 6, 9]
