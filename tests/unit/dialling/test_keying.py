"""Digits one after the other, each confirmed by what the switch counts."""

from dialling.keying import Keying, KeyingStep
from schemas.vocabulary import DigitMethod


def _keying(method: DigitMethod = DigitMethod.RFC4733) -> Keying:
    return Keying(count=2, method=method, digit_ms=100, gap_ms=60)


def test_digit_is_confirmed_when_its_packets_are_out_and_no_more_come() -> None:
    keying = _keying()
    assert keying.send(1.0, dtmf_packets=7) == 0
    assert keying.counted(10, 1.05) is KeyingStep.WAITING
    assert keying.counted(14, 1.12) is KeyingStep.WAITING  # it still grows
    assert keying.counted(14, 1.14) is KeyingStep.WAITING  # asked twice in one packet's time
    assert keying.counted(14, 1.17) is KeyingStep.CONFIRMED
    assert keying.due(1.17)


def test_packets_of_the_digit_before_do_not_count() -> None:
    keying = _keying()
    keying.send(1.0, dtmf_packets=7)
    for step in range(90):
        assert keying.counted(7, 1.0 + step * 0.03) is KeyingStep.WAITING
    assert keying.counted(7, 4.2) is KeyingStep.UNCONFIRMED
    assert (keying.sent, keying.confirmed) == (1, 0)


def test_done_when_each_was_sent_and_waited_for() -> None:
    keying = _keying(DigitMethod.INFO)
    for now in (1.0, 2.0):
        assert not keying.is_done
        keying.send(now, 0)
        assert keying.counted(0, now + 0.11) is KeyingStep.UNCONFIRMED
    assert keying.is_done
    assert keying.sent_at == 2.0


def test_gap_of_an_inband_digit_begins_with_the_end_of_its_playback() -> None:
    keying = _keying(DigitMethod.INBAND)
    keying.send(1.0, 0)
    assert keying.counted(50, 1.2) is KeyingStep.WAITING
    assert keying.played(1.3) is KeyingStep.CONFIRMED
    assert not keying.due(1.35)
    assert keying.due(1.36)
