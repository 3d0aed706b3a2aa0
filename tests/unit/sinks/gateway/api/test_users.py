"""`/v1/users` and `/v1/presence/query`: one user, pages, sets, look-ups; each within its scope."""

import json

import pytest

from schemas.codec import encode
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import removal_message
from tests.unit.sinks.gateway.api.conftest import (
    ANN,
    BOB,
    CAT,
    EVE,
    FAY,
    OF_SOME,
    OF_TWO,
    Ask,
    message,
    user,
)


def listed(ask: Ask, query: str = "", **options: str) -> list[str]:
    answer = ask(f"/v1/users?{query}", **options)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return [one["aor"] for one in answer.json()["users"]]


def test_one_user_is_the_record_byte_for_byte(ask: Ask) -> None:
    for path in (ANN, "SIP:ann@ONE.test:5060", "sip%3Aann%40one.test"):
        answer = ask(f"/v1/users/{path}")
        assert (answer.status_code, answer.content) == (200, encode(user(ANN, 1)))
    missing = ask("/v1/users/sip:nobody@one.test")
    assert (missing.status_code, missing.json()["field"]) == (404, "aor")
    assert ask("/v1/users/ann").json()["field"] == "aor"


def test_a_known_answer_is_not_sent_again(ask: Ask, gateway: Gateway) -> None:
    for version, path in enumerate((f"/v1/users/{ANN}", "/v1/users?domain=one.test"), 2):
        tag = ask(path).headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            answer = ask(path, headers={"if-none-match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        gateway.apply([message(user(ANN, version))])
        answer = ask(path, headers={"if-none-match": tag})
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag


def test_filters_choose_users_in_order_of_domain_and_aor(ask: Ask) -> None:
    assert listed(ask) == [ANN, BOB, CAT, EVE, FAY]
    assert listed(ask, "domain=ONE.test") == [ANN, BOB, CAT]
    assert listed(ask, "domain=two.test&domain=one.test&reachable=true") == [ANN, CAT, EVE, FAY]
    assert listed(ask, "status=held&status=ringing") == [CAT, EVE]
    assert listed(ask, "node=node-1&status=online") == [ANN, FAY]
    assert listed(ask, "node=node-2") == []
    assert listed(ask, "domain=none.test") == []


def test_pages_have_each_user_once_whatever_changes_between_them(
    ask: Ask, gateway: Gateway
) -> None:
    first = ask("/v1/users?limit=2").json()
    assert [one["aor"] for one in first["users"]] == [ANN, BOB]
    gateway.apply(
        [
            removal_message(BOB, 0.0),
            message(user("sip:abe@one.test")),
            message(user("sip:cab@one.test")),
            message(user(CAT, 8)),
        ]
    )
    second = ask(f"/v1/users?limit=2&cursor={first['next']}").json()
    assert [one["aor"] for one in second["users"]] == ["sip:cab@one.test", CAT]
    third = ask(f"/v1/users?limit=2&cursor={second['next']}").json()
    assert [one["aor"] for one in third["users"]] == [EVE, FAY]
    assert third["next"] is None


def test_users_are_found_by_contact_and_address(ask: Ask, gateway: Gateway) -> None:
    assert listed(ask, f"contact={ANN}:5060;transport=TCP") == [ANN]
    assert sorted(listed(ask, "address=192.0.2.1")) == [ANN, CAT, EVE, FAY]
    assert listed(ask, "address=192.0.2.1:5061") == [EVE]
    assert sorted(listed(ask, "address=192.0.2.1&domain=one.test&status=online")) == [ANN]
    crowd = [f"sip:{number}@crowd.test" for number in range(700)]
    gateway.apply([message(user(aor, port=7000)) for aor in crowd])
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask(f"/v1/users?address=192.0.2.1:7000&limit=300{cursor}").json()
        found += [one["aor"] for one in page["users"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert sorted(found) == sorted(crowd)


def test_a_set_of_users_is_answered_in_the_order_asked(ask: Ask) -> None:
    body = {"aors": [FAY, "sip:nobody@one.test", "SIP:ann@ONE.test", ANN]}
    found = ask("/v1/presence/query", method="POST", json=body).json()
    assert [one["aor"] for one in found["users"]] == [FAY, ANN]
    assert found["unknown"] == ["sip:nobody@one.test"]
    thousand = {"aors": [f"sip:{number}@x.test" for number in range(1000)]}
    assert len(ask("/v1/presence/query", method="POST", json=thousand).json()["unknown"]) == 1000


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("domian=one.test", "domian"),
        ("domain=a@b", "domain.0"),
        ("status=away", "status.0"),
        ("reachable=yes", "reachable"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=xyz", "cursor"),
        ("address=phone.test", "address"),
        ("contact=", "contact"),
        ("node=%ff", "node"),
    ],
)
def test_an_error_names_the_field(ask: Ask, query: str, field: str) -> None:
    answer = ask(f"/v1/users?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert answer.json()["error"]


def test_a_bad_body_or_header_is_named_too(ask: Ask) -> None:
    def post(content: bytes, kind: str = "application/json") -> tuple[int, str]:
        headers = {"content-type": kind}
        answer = ask("/v1/presence/query", method="POST", content=content, headers=headers)
        return answer.status_code, answer.json()["field"]

    assert post(b"{") == (400, "body")
    assert post(b"") == (400, "body")
    assert post(b'{"aors":[]}') == (400, "aors")
    assert post(b'{"aors":["sip:a@b","bob"]}') == (400, "aors.1")
    assert post(json.dumps({"aors": [ANN] * 1001}).encode()) == (400, "aors")
    assert post(b'{"aors":["sip:a@b"],"x":1}') == (400, "x")
    assert post(b'{"aors":["sip:a@b"]}', "text/plain") == (415, "content-type")
    assert post(b'{"aors":["' + b"a" * 2**20 + b'"]}') == (413, "body")
    answer = ask("/v1/users", headers={"accept": "image/png"})
    assert (answer.status_code, answer.json()["field"]) == (406, "accept")
    assert ask("/v1/nothing").json() == {"error": "Not Found"}
    assert ask("/v1/users", method="DELETE").json() == {"error": "Method Not Allowed"}


def test_a_token_sees_its_own_users_only(ask: Ask) -> None:
    assert listed(ask, token=OF_TWO) == [EVE, FAY]
    assert listed(ask, token=OF_SOME) == [ANN, EVE, FAY]
    assert listed(ask, "status=online", token=OF_SOME) == [ANN, FAY]
    assert sorted(listed(ask, "address=192.0.2.1", token=OF_TWO)) == [EVE, FAY]
    assert listed(ask, "address=192.0.2.1:5060", token=OF_TWO) == []
    outside, missing = ask(f"/v1/users/{BOB}", OF_SOME), ask("/v1/users/sip:zz@one.test", OF_SOME)
    assert outside.status_code == missing.status_code == 404
    assert outside.text.replace(BOB, "") == missing.text.replace("sip:zz@one.test", "")
    body = {"aors": [BOB, "sip:zz@one.test", ANN]}
    found = ask("/v1/presence/query", OF_SOME, "POST", json=body).json()
    assert found["unknown"] == [BOB, "sip:zz@one.test"]
    assert ask("/v1/users?domain=one.test", OF_SOME).status_code == 403
    page = ask("/v1/users?limit=2", OF_SOME).json()
    assert ask(f"/v1/users?limit=2&cursor={page['next']}", OF_TWO).json()["users"][0]["aor"] == FAY


def test_parts_that_are_not_granted_are_neither_shown_nor_searched(ask: Ask) -> None:
    (binding,) = ask(f"/v1/users/{ANN}", OF_SOME).json()["bindings"]
    assert not {"contact", "remote", "user_agent"} & set(binding)
    for query in ("contact=sip:x@y", "address=192.0.2.1"):
        answer = ask(f"/v1/users?{query}", OF_SOME)
        assert (answer.status_code, answer.json()["field"]) == (403, query.partition("=")[0])
    assert ask("/v1/users", "a-token-nobody-has").status_code == 401


def test_accept_chooses_the_format(ask: Ask) -> None:
    for kind, text in (
        ("application/json", '"aor"'),
        ("application/pidf+xml", "<basic>open</basic>"),
        ("application/dialog-info+xml", "<dialog-info "),
        ("application/reginfo+xml", "<registration "),
        ("text/html, application/pidf+xml;q=0.9, application/json;q=0.1", "<presence "),
        ("application/pidf+xml;q=0, */*", '"aor"'),
    ):
        answer = ask(f"/v1/users/{ANN}", headers={"accept": kind})
        assert answer.status_code == 200
        assert text in answer.text
        assert answer.headers["vary"] == "Accept, Authorization"
    kinds = {"accept": "application/reginfo+xml"}
    assert ask(f"/v1/users/{ANN}", OF_SOME, headers=kinds).json()["field"] == "accept"
    kinds = {"accept": "application/pidf+xml"}
    assert "192.0.2.1" not in ask(f"/v1/users/{ANN}", OF_SOME, headers=kinds).text
