"""Which events a question raises by itself at a database, and which are of another's reading."""

from datetime import UTC, datetime, timedelta

from producers.opensips.echoes import Echoes, Stored

AOR = "sip:kim@example.test"
ONE: Stored = ("sip:kim@192.0.2.60", "c1")
OTHER: Stored = ("sip:kim@192.0.2.61", "c2")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def asked(*stored: Stored, at: datetime = AT) -> Echoes:
    echoes = Echoes()
    echoes.asks(AOR)
    assert not echoes.answered(AOR, stored, at)
    return echoes


def test_each_contact_is_read_once() -> None:
    echoes = asked(ONE, OTHER)
    assert [echoes.takes(AOR, one, AT) for one in (ONE, OTHER, ONE)] == [True, True, False]


def test_what_comes_before_the_answer_does_not_come_after_it() -> None:
    echoes = Echoes()
    echoes.asks(AOR)
    assert echoes.takes(AOR, ONE, AT)
    assert not echoes.answered(AOR, [ONE, OTHER], AT)
    assert [echoes.takes(AOR, one, AT) for one in (ONE, OTHER)] == [False, True]


def test_a_reading_beside_the_question_shows_in_the_answer() -> None:
    for events, stored in (([ONE, ONE], [ONE]), ([ONE], [])):
        echoes = Echoes()
        echoes.asks(AOR)
        for one in events:
            assert echoes.takes(AOR, one, AT)
        assert echoes.answered(AOR, stored, AT)


def test_two_questions_in_a_row() -> None:
    """The first one's events may come during the second."""
    echoes = asked(ONE)
    echoes.asks(AOR)
    assert echoes.takes(AOR, ONE, AT)
    assert not echoes.answered(AOR, [ONE], AT)
    assert [echoes.takes(AOR, ONE, AT) for _ in range(2)] == [True, False]


def test_a_lost_event_hides_nothing_for_long() -> None:
    assert not asked(ONE).takes(AOR, ONE, AT + timedelta(seconds=6))
    echoes = asked(ONE)
    echoes.asks(AOR)
    late = AT + timedelta(seconds=6)
    assert not echoes.answered(AOR, [ONE], late)
    assert [echoes.takes(AOR, ONE, late) for _ in range(2)] == [True, False]


def test_others_are_not_waited_for() -> None:
    assert not asked(ONE).takes("sip:leo@example.test", ONE, AT)


def test_what_is_remembered_is_bounded() -> None:
    echoes = Echoes()
    for number in range(1500):
        echoes.asks(str(number))
        echoes.answered(str(number), [ONE], AT)
    assert not echoes.takes("0", ONE, AT)
    assert echoes.takes("1499", ONE, AT)
