"""Which events a question raises by itself at a database, and which are of another's reading."""

from datetime import UTC, datetime, timedelta

from producers.opensips.lookup_events import LookupEvents, Stored

AOR = "sip:kim@example.test"
ONE: Stored = ("sip:kim@192.0.2.60", "c1")
OTHER: Stored = ("sip:kim@192.0.2.61", "c2")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def asked(*stored: Stored, at: datetime = AT) -> LookupEvents:
    lookups = LookupEvents()
    lookups.begin(AOR)
    assert not lookups.answered(AOR, stored, at)
    return lookups


def test_each_contact_is_read_once() -> None:
    lookups = asked(ONE, OTHER)
    assert [lookups.take(AOR, one, AT) for one in (ONE, OTHER, ONE)] == [True, True, False]


def test_what_comes_before_the_answer_does_not_come_after_it() -> None:
    lookups = LookupEvents()
    lookups.begin(AOR)
    assert lookups.take(AOR, ONE, AT)
    assert not lookups.answered(AOR, [ONE, OTHER], AT)
    assert [lookups.take(AOR, one, AT) for one in (ONE, OTHER)] == [False, True]


def test_a_reading_beside_the_question_shows_in_the_answer() -> None:
    for events, stored in (([ONE, ONE], [ONE]), ([ONE], [])):
        lookups = LookupEvents()
        lookups.begin(AOR)
        for one in events:
            assert lookups.take(AOR, one, AT)
        assert lookups.answered(AOR, stored, AT)


def test_two_questions_in_a_row() -> None:
    """The first one's events may come during the second."""
    lookups = asked(ONE)
    lookups.begin(AOR)
    assert lookups.take(AOR, ONE, AT)
    assert not lookups.answered(AOR, [ONE], AT)
    assert [lookups.take(AOR, ONE, AT) for _ in range(2)] == [True, False]


def test_a_lost_event_hides_nothing_for_long() -> None:
    assert not asked(ONE).take(AOR, ONE, AT + timedelta(seconds=6))
    lookups = asked(ONE)
    lookups.begin(AOR)
    late = AT + timedelta(seconds=6)
    assert not lookups.answered(AOR, [ONE], late)
    assert [lookups.take(AOR, ONE, late) for _ in range(2)] == [True, False]


def test_others_are_not_waited_for() -> None:
    assert not asked(ONE).take("sip:leo@example.test", ONE, AT)


def test_what_is_remembered_is_bounded() -> None:
    lookups = LookupEvents()
    for number in range(1500):
        lookups.begin(str(number))
        lookups.answered(str(number), [ONE], AT)
    assert not lookups.take("0", ONE, AT)
    assert lookups.take("1499", ONE, AT)
