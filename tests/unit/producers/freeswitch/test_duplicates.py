"""Repeated events are recognised."""

from producers.freeswitch.duplicates import Duplicates
from tests.unit.freeswitch_capture import NAMES, switch_events


def test_no_capture_repeats_itself() -> None:
    for name in NAMES:
        duplicates = Duplicates()
        assert all(duplicates.is_new(e.boot, e.seq) for e in switch_events(name))
        assert not any(duplicates.is_new(e.boot, e.seq) for e in switch_events(name))


def test_memory_of_repeats_is_bounded() -> None:
    duplicates = Duplicates(limit=3)
    assert [duplicates.is_new("b", seq) for seq in (1, 2, 3, 2, 4, 1, 2)] == [
        True, True, True, False, True, True, True,
    ]  # fmt: skip
