"""Which records librdkafka holds, and whether Kafka answers."""

from producers.in_flight import InFlight
from producers.record import Record

SILENCE = 1.0


def record(key: bytes = b"k") -> Record:
    return Record("t", key, b"v", [])


def test_nothing_in_flight_counts_as_answered() -> None:
    assert InFlight(SILENCE).is_answered(1e9)


def test_silence_is_counted_from_the_last_acknowledgement() -> None:
    in_flight = InFlight(SILENCE)
    for number in (1, 2, 3):
        in_flight.add(number, record(), 10.0, spooled=False)
    assert in_flight.is_answered(10.9)
    in_flight.acknowledge(1, 10.9)
    assert in_flight.is_answered(11.8)
    assert not in_flight.is_answered(11.9)


def test_the_first_record_after_a_pause_starts_the_silence_anew() -> None:
    in_flight = InFlight(SILENCE)
    in_flight.add(1, record(), 10.0, spooled=False)
    in_flight.acknowledge(1, 10.1)
    in_flight.add(2, record(), 500.0, spooled=False)
    assert in_flight.is_answered(500.9)


def test_one_record_stuck_for_long_is_silence_though_others_are_acknowledged() -> None:
    in_flight = InFlight(SILENCE)
    in_flight.add(1, record(), 0.0, spooled=False)
    for number in range(2, 13):
        in_flight.add(number, record(), float(number) - 2, spooled=False)
        in_flight.acknowledge(number, float(number) - 2)
    assert not in_flight.is_answered(10.0)


def test_only_what_memory_alone_holds_is_to_be_copied() -> None:
    in_flight = InFlight(SILENCE)
    in_flight.add(1, record(b"a"), 0.0, spooled=True)
    assert in_flight.not_spooled() == []
    in_flight.add(2, record(b"b"), 0.0, spooled=False)
    assert in_flight.not_spooled() == [(2, record(b"b"))]
    in_flight.spooled()
    assert in_flight.not_spooled() == []
    assert in_flight[2].spooled
