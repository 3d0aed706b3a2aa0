"""`/v1/users/{aor}/route`: ready forms as JSON and text, and why a user has none."""

from sinks.gateway.gateway import Gateway
from tests.unit.sinks.gateway.api.conftest import ANN, BOB, EVE, OF_SOME, Ask, message, user

THROUGH = "sofia/internal/sip:ann@one.test;fs_path=sip%3Anode-1"
_TEXT = {"accept": "text/plain"}


def test_a_route_has_the_forms_of_each_server(ask: Ask) -> None:
    answer = ask(f"/v1/users/{ANN}/route")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["aor"], found["version"], found["dial_string"]) == (ANN, 1, THROUGH)
    (route,) = found["routes"]
    assert (route["node"], route["uri"], route["next_hop"]) == ("node-1", ANN, "sip:node-1")
    assert found["next_hops"] == ["sip:node-1"]
    assert route["route"] == "<sip:node-1;lr>"
    assert route["contact"] == f"{ANN}:5060;transport=tcp"


def test_as_text_it_is_the_dial_string_alone(ask: Ask) -> None:
    answer = ask("/v1/users/sip%3Aann%40one.test/route?profile=out", headers=_TEXT)
    assert answer.text == THROUGH.replace("internal", "out")
    assert answer.headers["content-type"].startswith("text/plain")
    assert ask(f"/v1/users/{ANN}/route?from=node-1", headers=_TEXT).text == "user/ann@one.test"


def test_without_a_route_the_reason_is_given(ask: Ask, gateway: Gateway) -> None:
    answer = ask(f"/v1/users/{BOB}/route")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": f"{BOB} is not reachable: connection-closed",
        "field": "aor",
        "status": "offline",
        "cause": "connection-closed",
        "at": "2026-01-02T03:04:07.678901Z",
    }
    text = ask(f"/v1/users/{BOB}/route", headers=_TEXT)
    assert (text.status_code, text.text) == (404, "error/USER_NOT_REGISTERED")
    lost = user("sip:x@one.test")
    lost.bindings[0].node = "no host name"
    gateway.apply([message(lost)])
    text = ask("/v1/users/sip:x@one.test/route", headers=_TEXT)
    assert (text.status_code, text.text) == (404, "error/NO_ROUTE_DESTINATION")


def test_a_token_gets_routes_of_its_own_users_without_what_it_may_not_see(ask: Ask) -> None:
    (route,) = ask(f"/v1/users/{EVE}/route", OF_SOME).json()["routes"]
    assert (route["contact"], route["path"]) == (None, None)
    assert route["dial_string"]
    outside, missing = (ask(f"/v1/users/{aor}/route", OF_SOME) for aor in (BOB, "sip:zz@one.test"))
    assert outside.status_code == missing.status_code == 404
    assert outside.json() == {"error": f"no presence of {BOB}", "field": "aor"}
    assert missing.json()["error"] == "no presence of sip:zz@one.test"


def test_as_text_every_error_ends_the_call(ask: Ask, gateway: Gateway) -> None:
    gateway.is_caught_up = False
    for path, token, status in (
        (f"/v1/users/{ANN}/route", OF_SOME, 503),
        (f"/v1/users/{ANN}/route?x=y", OF_SOME, 400),
        (f"/v1/users/{ANN}/route", "nobody", 401),
    ):
        answer = ask(path, token, headers=_TEXT)
        assert (answer.status_code, answer.text) == (status, "error/NORMAL_TEMPORARY_FAILURE")
        assert ("retry-after" in answer.headers) is (status == 503)
        assert ask(path, token).json()["error"]


def test_the_profile_is_no_way_into_the_dial_string(ask: Ask) -> None:
    for profile in ("a/b", "a,b", "%7Bx=y%7D", ""):
        answer = ask(f"/v1/users/{ANN}/route?profile={profile}")
        assert (answer.status_code, answer.json()["field"]) == (400, "profile")
