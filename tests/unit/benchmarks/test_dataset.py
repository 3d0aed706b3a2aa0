"""The benchmark's input has the declared properties, and its own expectation is right."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.dataset import DataSet, Expected
from benchmarks.peers.fold import fold
from schemas import codec
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind, Status


@pytest.fixture(scope="module")
def events() -> list[RegistrationEvent]:
    return [event for _, event in DataSet(5_000, 1_000)]


def test_has_the_size_asked_for(events: list[RegistrationEvent]) -> None:
    assert len(events) == 5_000
    assert 950 < len({event.aor for event in events}) <= 1_000


def test_is_the_same_each_time_but_for_the_clock(events: list[RegistrationEvent]) -> None:
    again = [event for _, event in DataSet(5_000, 1_000)]
    assert [(e.id, e.kind, e.binding) for e in again] == [(e.id, e.kind, e.binding) for e in events]


def test_events_fit_the_contract(events: list[RegistrationEvent]) -> None:
    for event in events[:500]:
        assert codec.validate(RegistrationEvent, codec.encode(event)) == event


def test_has_repeated_and_reordered_events(events: list[RegistrationEvent]) -> None:
    ids = Counter(event.id for event in events)
    repeated = sum(count - 1 for count in ids.values())
    swapped = sum(
        first.kind is RegistrationKind.UNREGISTERED
        and second.kind is RegistrationKind.REFRESHED
        and first.aor == second.aor
        and first.seq == second.seq + 1
        for first, second in pairwise(events)
    )
    assert repeated > 20
    assert swapped > 10


def test_expectation_equals_the_newest_event_of_each_user(events: list[RegistrationEvent]) -> None:
    expected = Expected()
    newest: dict[str, RegistrationEvent] = {}
    for event in events:
        expected.add(event)
        aor = event.aor or ""
        if aor not in newest or event.seq > newest[aor].seq:
            newest[aor] = event
    assert expected.status == {
        aor: Status.OFFLINE if event.kind is RegistrationKind.UNREGISTERED else Status.ONLINE
        for aor, event in newest.items()
    }


def test_the_peers_job_gives_the_expected_result(events: list[RegistrationEvent]) -> None:
    expected, changes = Expected(), 0
    states: dict[str | None, dict[str, Any]] = {}
    shown: dict[str | None, str] = {}
    for event in events:
        expected.add(event)
        state, presence = fold(states.get(event.aor), codec.decode(dict, codec.encode(event)))
        if state is not None:
            states[event.aor] = state
        if presence is not None:
            shown[event.aor] = presence["status"]
            changes += 1
    assert shown == expected.status
    assert changes == expected.changes
