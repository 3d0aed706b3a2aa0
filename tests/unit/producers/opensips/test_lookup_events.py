"""Events that a lookup of ours raises at a database, and those of other lookups."""

from datetime import UTC, datetime, timedelta

from producers.opensips.lookup_events import LookupEvents, Stored

AOR = "sip:kim@example.test"
ONE: Stored = ("sip:kim@192.0.2.60", "c1")
OTHER: Stored = ("sip:kim@192.0.2.61", "c2")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def looked_up(*stored: Stored, at: datetime = AT) -> LookupEvents:
    lookups = LookupEvents()
    lookups.begin(AOR)
    assert not lookups.answered(AOR, stored, at)
    return lookups


def test_each_contact_of_a_lookup_raises_one_event() -> None:
    lookups = looked_up(ONE, OTHER)
    assert [lookups.take(AOR, one, AT) for one in (ONE, OTHER, ONE)] == [True, True, False]


def test_event_before_the_answer_is_not_expected_after_it() -> None:
    lookups = LookupEvents()
    lookups.begin(AOR)
    assert lookups.take(AOR, ONE, AT)
    assert not lookups.answered(AOR, [ONE, OTHER], AT)
    assert [lookups.take(AOR, one, AT) for one in (ONE, OTHER)] == [False, True]


def test_another_lookup_during_ours_shows_in_the_answer() -> None:
    for events, stored in (([ONE, ONE], [ONE]), ([ONE], [])):
        lookups = LookupEvents()
        lookups.begin(AOR)
        for one in events:
            assert lookups.take(AOR, one, AT)
        assert lookups.answered(AOR, stored, AT)


def test_events_of_the_first_lookup_may_come_during_the_second() -> None:
    """The first one's events may come during the second."""
    lookups = looked_up(ONE)
    lookups.begin(AOR)
    assert lookups.take(AOR, ONE, AT)
    assert not lookups.answered(AOR, [ONE], AT)
    assert [lookups.take(AOR, ONE, AT) for _ in range(2)] == [True, False]


def test_lost_event_hides_another_for_five_seconds_at_most() -> None:
    assert not looked_up(ONE).take(AOR, ONE, AT + timedelta(seconds=6))
    lookups = looked_up(ONE)
    lookups.begin(AOR)
    late = AT + timedelta(seconds=6)
    assert not lookups.answered(AOR, [ONE], late)
    assert [lookups.take(AOR, ONE, late) for _ in range(2)] == [True, False]


def test_events_of_other_users_are_not_taken() -> None:
    assert not looked_up(ONE).take("sip:leo@example.test", ONE, AT)


def test_memory_is_bounded() -> None:
    lookups = LookupEvents()
    for number in range(1500):
        lookups.begin(str(number))
        lookups.answered(str(number), [ONE], AT)
    assert not lookups.take("0", ONE, AT)
    assert lookups.take("1499", ONE, AT)
