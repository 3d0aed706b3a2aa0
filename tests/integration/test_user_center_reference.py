"""The reference user center over real HTTP: signatures, bounds, answers."""

import json
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.user_center import READ_HEADERS, READ_TOKEN, event, presence, signed, user_center
from tests.user_center_processes import reference_user_center

ALICE = "sip:alice@example.com"
OTHER_SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    bounds = {"body_max_bytes": 20_000, "events_max": 20}
    with (
        user_center(tmp_path, **bounds) as (url, _store),
        httpx.Client(base_url=url, headers=READ_HEADERS, trust_env=False) as client,
    ):
        yield client


def _body(*events: dict[str, Any]) -> bytes:
    return json.dumps(list(events)).encode()


def _post(http: httpx.Client, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return http.post(
        "/presence", content=body, headers=signed(body) if headers is None else headers
    )


def test_presence_in_and_out(http: httpx.Client) -> None:
    answer = _post(http, _body(event(presence(ALICE, 1))))
    assert (answer.status_code, answer.json()) == (200, {"received": 1, "applied": 1})
    answer = http.get(f"/users/{ALICE}")
    assert answer.status_code == 200
    assert set(answer.json()) == {
        *("aor", "status", "reachable", "cause", "at", "version", "bindings", "calls"),
    }
    assert http.get("/users/sip:nobody@example.com").status_code == 404
    assert http.get("/users/sip:n%00@example.com").status_code == 404
    assert http.get("/healthz").status_code == 200


def test_aor_with_reserved_characters(http: httpx.Client) -> None:
    aor = "sip:a%2Fb/c?d@example.com"
    _post(http, _body(event(presence(aor, 1))))
    assert http.get(f"/users/{quote(aor, safe='')}").json()["aor"] == aor


def test_duplicates_and_older_versions_have_no_effect(http: httpx.Client) -> None:
    newer, older = _body(event(presence(ALICE, 7))), _body(event(presence(ALICE, 6)))
    assert _post(http, newer).json()["applied"] == 1
    assert _post(http, newer).json() == {"received": 1, "applied": 0}
    assert _post(http, older).json()["applied"] == 0
    assert http.get(f"/users/{ALICE}").json()["version"] == 7


def _bad_signatures(body: bytes) -> list[dict[str, str]]:
    good = signed(body)
    now = datetime.now(tz=UTC)
    return [
        {"content-type": good["content-type"]},
        signed(body, secret=OTHER_SECRET),
        signed(body + b" "),
        signed(body, at=now - timedelta(minutes=6)),
        signed(body, at=now + timedelta(minutes=6)),
        good | {"webhook-id": "msg_2"},
        good | {"webhook-timestamp": str(int(now.timestamp()) - 60)},
        good | {"webhook-timestamp": "nan"},
        good | {"webhook-timestamp": "1e400"},
        good | {"webhook-signature": "v1"},
        good | {"webhook-signature": "v1,%%%"},
        good | {"webhook-signature": "v1,AAA"},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v1a,")},
    ]


def test_unsigned_and_wrongly_signed_requests_are_refused(http: httpx.Client) -> None:
    body = _body(event(presence(ALICE, 1)))
    for headers in _bad_signatures(body):
        assert _post(http, body, headers).status_code == 401, headers
    assert _post(http, b"\xff\xfe", signed(body)).status_code == 401
    assert http.get(f"/users/{ALICE}").status_code == 404


def test_one_of_several_signatures_is_enough(http: httpx.Client) -> None:
    """Both secrets sign while a secret is being changed."""
    body = _body(event(presence(ALICE, 1)))
    headers = signed(body)
    old = signed(body, secret=OTHER_SECRET)["webhook-signature"]
    headers["webhook-signature"] = f"{old} {headers['webhook-signature']}"
    assert _post(http, body, headers).status_code == 200


def test_bad_event_is_named_and_nothing_is_applied(http: httpx.Client) -> None:
    bad = event(presence("sip:bob@example.com", 1))
    bad["data"]["status"] = "away"
    answer = _post(http, _body(event(presence(ALICE, 1)), bad))
    assert answer.status_code == 422
    assert (answer.json()["index"], answer.json()["field"]) == (1, "data.status")
    assert http.get(f"/users/{ALICE}").status_code == 404


def test_body_that_is_no_batch_is_refused(http: httpx.Client) -> None:
    assert _post(http, b"{}").status_code == 400
    body = _body(event(presence(ALICE, 1)))
    headers = signed(body) | {"content-type": "application/json"}
    assert _post(http, body, headers).status_code == 415
    assert http.get("/presence").status_code == 405


def test_body_is_bounded(http: httpx.Client) -> None:
    assert _post(http, _body(*[event(presence(ALICE, 1))] * 21)).status_code == 413
    large = b"[" + b" " * 20_000 + b"]"
    assert _post(http, large).status_code == 413
    # Without a declared length the bound is met while reading.
    chunks = iter([large[:15_000], large[15_000:]])
    assert http.post("/presence", content=chunks, headers=signed(large)).status_code == 413


def test_sender_that_disconnects_affects_no_other(http: httpx.Client) -> None:
    host, port = http.base_url.host, http.base_url.port
    with socket.create_connection((host, port or 0)) as connection:
        connection.sendall(
            b"POST /presence HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n"
            b"content-type: application/cloudevents-batch+json\r\n\r\n["
        )
    assert _post(http, _body(event(presence(ALICE, 1)))).status_code == 200


def test_users_are_paged(http: httpx.Client) -> None:
    everyone = [f"sip:u{n}@example.com" for n in range(9)]
    _post(http, _body(*[event(presence(aor, 1 + n % 2)) for n, aor in enumerate(everyone)]))
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = http.get("/users", params={"limit": 4, "after": after}).json()
        seen += [user["aor"] for user in page["users"]]
        after = page["next"]
    assert seen == everyone
    online = http.get("/users", params={"status": "online", "reachable": "true"}).json()["users"]
    assert [user["aor"] for user in online] == everyone[::2]


@pytest.mark.parametrize(
    "authorization", ["", READ_TOKEN, f"Basic {READ_TOKEN}", "Bearer", f"Bearer {READ_TOKEN}x"]
)
def test_users_are_listed_only_with_the_token(http: httpx.Client, authorization: str) -> None:
    _post(http, _body(event(presence(ALICE, 1))))
    answer = http.get("/users", headers={"authorization": authorization})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ALICE not in answer.text
    assert http.get(f"/users/{ALICE}", headers={"authorization": ""}).status_code == 200


def test_without_a_token_set_nobody_lists_users(tmp_path: Path) -> None:
    with reference_user_center(tmp_path, TOKEN="") as (_, url):
        answer = httpx.get(f"{url}/users", headers={"authorization": "Bearer"}, trust_env=False)
        assert answer.status_code == 403
        assert "reference_user_center.token" in answer.json()["error"]


@pytest.mark.parametrize("query", ["status=away", "reachable=1", "limit=0", "limit=x", "after=%00"])
def test_invalid_query_is_refused(http: httpx.Client, query: str) -> None:
    assert http.get(f"/users?{query}").status_code == 400


def test_stage_keeps_its_users_over_a_restart(tmp_path: Path) -> None:
    """The real process: ready, serving on its own port, ended by SIGTERM, SIGKILL survived."""
    body = _body(event(presence(ALICE, 1)))
    with reference_user_center(tmp_path) as (process, url):
        answer = httpx.post(url + "/presence", content=body, headers=signed(body), trust_env=False)
        assert answer.status_code == 200
        process.kill()
    with reference_user_center(tmp_path) as (process, url):
        found = httpx.get(f"{url}/users/{ALICE}", trust_env=False).json()
        assert found["version"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
