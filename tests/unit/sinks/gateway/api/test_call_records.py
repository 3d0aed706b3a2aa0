"""`/v1/calls` and `/v1/calls/ID`: which calls a token shows, and what of them."""

import pytest

from schemas.call_record import CallRecord
from schemas.codec import validate
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.gateway import Gateway
from tests.unit.sinks.gateway.api.conftest import ANN, BOB, CAT, EVE, FAY, OF_SOME, OF_TWO, Ask
from tests.unit.sinks.gateway.calls.making import ended, record, stored

# Ann and all of two.test are what OF_SOME shows; nothing of the other parties.
RECORDS = [
    ended(1, BOB, CAT),
    ended(2, ANN, BOB),
    record(3, EVE, FAY),
    record(4, BOB, EVE, at_risk=True),
    ended(5, CAT, BOB),
]


@pytest.fixture(autouse=True)
def calls(gateway: Gateway) -> KnownCalls:
    for one in RECORDS:
        gateway.calls.put(stored(one))
    gateway.calls.is_read = True
    return gateway.calls


def listed(ask: Ask, query: str = "", *token: str) -> list[str]:
    answer = ask(f"/v1/calls{query}", *token)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["calls"]]


def test_all_calls_are_listed_the_newest_first(ask: Ask) -> None:
    assert listed(ask) == ["call-5", "call-4", "call-3", "call-2", "call-1"]
    assert listed(ask, f"?aor={BOB}") == ["call-5", "call-4", "call-2", "call-1"]
    assert listed(ask, "?state=open") == ["call-4", "call-3"]
    assert listed(ask, f"?state=ended&aor={ANN}") == ["call-2"]


def test_pages_have_each_call_once_also_while_calls_come(ask: Ask, gateway: Gateway) -> None:
    first = ask("/v1/calls?limit=2").json()
    gateway.calls.put(stored(record(9, ANN, BOB)))
    gateway.calls.remove("call-4")  # the one that the cursor names
    second = ask(f"/v1/calls?limit=2&cursor={first['next']}").json()
    third = ask(f"/v1/calls?limit=2&cursor={second['next']}").json()
    found = [one["id"] for page in (first, second, third) for one in page["calls"]]
    assert found == ["call-5", "call-4", "call-3", "call-2", "call-1"]
    assert third["next"] is None


def test_a_record_is_answered_as_it_is(ask: Ask) -> None:
    answer = ask("/v1/calls/call-2")
    assert validate(CallRecord, answer.content) == RECORDS[1]
    assert ask("/v1/calls/no-such-call").status_code == 404
    known = ask("/v1/calls/call-2", headers={"if-none-match": answer.headers["etag"]})
    assert known.status_code == 304


def test_a_token_shows_calls_of_its_users_only(ask: Ask) -> None:
    assert listed(ask, "", OF_TWO) == ["call-4", "call-3"]
    assert listed(ask, "", OF_SOME) == ["call-4", "call-3", "call-2"]
    for id_ in ("call-1", "no-such-call"):
        answer = ask(f"/v1/calls/{id_}", OF_SOME)
        assert (answer.status_code, answer.json()["field"]) == (404, "id")
    for user in (BOB, "sip:unknown@one.test"):
        answer = ask(f"/v1/calls?aor={user}", OF_SOME)
        assert (answer.status_code, answer.json()["field"]) == (403, "aor")


def test_of_other_parties_only_what_the_token_grants(ask: Ask) -> None:
    found = ask("/v1/calls/call-4", OF_SOME)
    for hidden in (BOB, "192.0.2.7", "7002", "+49301234"):
        assert hidden not in found.text
    assert (found.json()["users"], found.json()["callee"], found.json()["at_risk"]) == (
        [EVE],
        EVE,
        True,
    )
    with_addresses = ask("/v1/calls/call-4", OF_TWO)
    assert "192.0.2.7" in with_addresses.text
    assert BOB not in with_addresses.text


def test_until_the_calls_are_read_it_is_to_be_asked_again(ask: Ask, calls: KnownCalls) -> None:
    calls.is_read = False
    for path in ("/v1/calls", "/v1/calls/call-1"):
        assert ask(path).status_code == 503


def test_a_list_names_that_calls_were_dropped(ask: Ask, calls: KnownCalls) -> None:
    assert ask("/v1/calls").json()["complete"] is True
    calls.dropped = 1
    assert ask("/v1/calls").json()["complete"] is False


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("state=busy", "state"),
        ("aor=nobody", "aor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=MSBuYW4gYQ", "cursor"),
        ("user=x", "user"),
    ],
)
def test_what_is_wrong_is_named(query: str, field: str, ask: Ask) -> None:
    answer = ask(f"/v1/calls?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_path_with_two_methods_names_both(ask: Ask) -> None:
    assert ask("/v1/calls", method="OPTIONS").headers["allow"] == "GET, HEAD, POST"
    answer = ask("/v1/calls", method="DELETE")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    assert ask("/v1/calls", method="HEAD").status_code == 200
