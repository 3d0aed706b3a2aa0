"""The calls that the gateway knows: their lists, versions, and what is dropped."""

import random

import pytest

from schemas.call_record import CallRecord
from schemas.codec import InvalidRecord, encode
from sinks.gateway.calls.dialled import DialledCalls
from sinks.gateway.calls.known import EVERYBODY, KnownCalls, domain_place, position_of
from sinks.gateway.calls.stored import stored_call
from tests.unit.sinks.gateway.calls.making import ended, record, stored

ANN, BOB, EVE, FAY = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test", "sip:fay@two.test"


def known(*records: CallRecord, most: int = 100) -> KnownCalls:
    calls = KnownCalls(most)
    for one in records:
        calls.put(stored(one))
    return calls


def ids(calls: KnownCalls, *places: str, **options: object) -> list[str]:
    return [one.id for one in calls.listed(places, **options)]  # type: ignore[arg-type]  # of several types


def test_the_newest_calls_of_users_and_domains_come_first_and_each_once() -> None:
    calls = known(ended(1, ANN, BOB), record(3, ANN, EVE), ended(2, EVE, FAY))
    assert ids(calls, EVERYBODY) == ["call-3", "call-2", "call-1"]
    assert ids(calls, ANN) == ["call-3", "call-1"]
    assert ids(calls, domain_place("two.test")) == ["call-3", "call-2"]
    assert ids(calls, ANN, EVE, domain_place("two.test")) == ["call-3", "call-2", "call-1"]
    assert ids(calls, EVERYBODY, states=(True,)) == ["call-3"]
    assert ids(calls, "sip:nobody@one.test") == []


def test_a_list_goes_on_after_a_call_that_is_not_there_any_more() -> None:
    calls = known(*(record(number, ANN, BOB) for number in range(5)))
    seen = calls.get("call-3")
    assert seen is not None
    calls.remove("call-3")
    assert ids(calls, ANN, after=position_of(seen)) == ["call-2", "call-1", "call-0"]


def test_a_call_that_ends_moves_and_an_older_version_changes_nothing() -> None:
    calls = known(record(1, ANN, BOB))
    assert (calls.open, calls.changes) == (1, 1)
    calls.put(stored(ended(1, ANN, BOB)))
    calls.put(stored(record(1, ANN, BOB)))
    assert (calls.open, calls.changes, len(calls)) == (0, 2, 1)
    assert ids(calls, BOB, states=(False,)) == ["call-1"]
    calls.remove("call-1")
    calls.remove("call-1")
    assert (ids(calls, EVERYBODY), ids(calls, ANN), calls.changes) == ([], [], 3)


def test_past_the_limit_the_call_that_ended_first_is_dropped_and_counted() -> None:
    dropped: list[None] = []
    calls = KnownCalls(2, lambda: dropped.append(None))
    for one in (record(1, ANN, BOB), ended(2, ANN, BOB), ended(3, ANN, BOB)):
        calls.put(stored(one))
    assert ids(calls, EVERYBODY) == ["call-3", "call-1"]
    calls.put(stored(record(4, ANN, BOB)))
    assert ids(calls, EVERYBODY) == ["call-4", "call-1"]  # live ones are kept for longer
    calls.put(stored(record(5, ANN, BOB)))
    assert ids(calls, EVERYBODY) == ["call-5", "call-4"]
    assert (calls.dropped, len(dropped)) == (3, 3)


def test_lists_agree_with_the_calls_whatever_comes() -> None:
    chance, calls = random.Random(7), KnownCalls(20)
    users = [f"sip:u{n}@{d}.test" for n in range(6) for d in ("one", "two")]
    for version in range(1, 800):
        number = chance.randrange(40)
        if chance.random() < 0.2:
            calls.remove(f"call-{number}")
            continue
        make = chance.choice((record, ended))
        caller, callee = chance.sample(users, 2)
        calls.put(stored(make(number, caller, callee, version=version)))
    everything = list(calls.listed([EVERYBODY]))
    assert len(everything) == len(calls) <= 20
    for user in users:
        expected = [one.id for one in everything if user in one.users]
        assert ids(calls, user) == expected


def test_a_call_that_became_a_part_of_another_is_found_as_that_one() -> None:
    assert stored_call(encode(record(1, ANN, BOB, merged_into="call-2"))) == "call-2"
    calls = known(record(1, ANN, BOB), record(2, ANN, EVE), record(3, ANN, FAY))
    calls.merge("call-1", "call-2")
    calls.merge("call-2", "call-3")
    assert ids(calls, EVERYBODY) == ["call-3"]
    for id_ in ("call-1", "call-2", "call-3"):
        found = calls.get(id_)
        assert found is not None
        assert found.id == "call-3"
    calls.remove("call-1")
    assert calls.get("call-1") is None
    calls.merge("call-4", "call-5")
    calls.merge("call-5", "call-4")  # nobody does
    assert calls.get("call-4") is None


def test_what_is_no_call_record_is_refused() -> None:
    with pytest.raises(InvalidRecord):
        stored_call(b'{"id": 1}')


def test_a_call_names_its_parties_as_far_as_they_are_known() -> None:
    call = stored(record(1, ANN, BOB, joined=[EVE]))
    assert (call.calling, call.called, call.users) == (ANN, BOB, (ANN, BOB, EVE))
    assert (call.started, call.answered) == (1767225601.0, 1767225606.0)
    from_outside, to_outside = record(1, ANN, BOB), record(1, ANN, BOB)
    from_outside.caller = to_outside.callee = None
    assert stored(from_outside).calling == "+49301234"
    assert stored(to_outside).called == "7002"


def test_results_of_dialled_calls_are_kept_by_key_and_bounded() -> None:
    dropped: list[None] = []
    dialled = DialledCalls(2, lambda: dropped.append(None))
    for key, value in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4")):
        dialled.put(key, value)
    assert [dialled.get(key) for key in "abc"] == [b"3", None, b"4"]
    dialled.put("a", None)
    assert (dialled.get("a"), len(dialled), len(dropped)) == (None, 1, 1)
