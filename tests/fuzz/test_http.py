"""The HTTP interfaces of ours: the reference user center by its OpenAPI document, and raw bytes."""

import asyncio
import json
from typing import Any

import schemathesis
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import ASGIApp

from local.reference_user_center.app import app
from local.reference_user_center.openapi import document
from local.reference_user_center.store import Store
from runtime.stage import Stage
from tests.fuzz.hostile import fuzzed, mutated, odd_json, scratch_folder
from tests.user_center import READ_TOKEN, SECRET, event, presence, signed

_EVENT = event(presence("sip:alice@example.com", 1))
_BODY = json.dumps([_EVENT, event(presence("sip:bob@example.com", 3))]).encode()
_STORE = Store(f"sqlite:///{scratch_folder() / 'users.db'}")
CENTER = app(_STORE, SECRET, body_max_bytes=2**23, events_max=50, token=READ_TOKEN)
_schema = schemathesis.openapi.from_asgi("/openapi.json", CENTER)

Answer = tuple[int, dict[str, str], bytes]


def asked(
    application: ASGIApp,
    method: str,
    path: str,
    query: bytes,
    headers: dict[str, bytes],
    body: bytes,
) -> Answer:
    """One request as a server would hand it over, however odd; raises what the application does."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query,
        "headers": [(name.encode("latin-1"), value) for name, value in headers.items()],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def call() -> None:
        await application(scope, receive, send)

    asyncio.run(call())
    start = next(message for message in sent if message["type"] == "http.response.start")
    answered = b"".join(message.get("body", b"") for message in sent[1:])
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, answered


@_schema.parametrize()
@fuzzed(15)
def test_the_user_center_fits_its_openapi_document(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


@fuzzed(10)
@given(_schema["/presence"]["POST"].as_strategy())
def test_a_signed_batch_by_the_document_is_taken(case: schemathesis.Case[Any]) -> None:
    """Or an event is named: the document cannot require a zone or a year of a time."""
    body = json.dumps(case.body).encode()
    headers = {name: value.encode() for name, value in signed(body).items()}
    status, _, answer = asked(CENTER, "POST", "/presence", b"", headers, body)
    found = json.loads(answer)
    if status == 422:
        assert found["field"].startswith("data")
    elif status == 200:
        assert found["received"] == len(json.loads(body))
    else:
        assert status == 413


def test_the_document_names_what_the_sink_sends() -> None:
    body = document()["paths"]["/presence"]["post"]["requestBody"]["content"]
    assert list(body) == [signed(b"[]")["content-type"]]


@fuzzed(150)
@given(odd_json([[_EVENT]]) | mutated([_BODY]), st.data())
def test_any_signed_body_is_taken_or_refused_by_name(body: bytes, data: st.DataObject) -> None:
    try:
        headers = {name: value.encode() for name, value in signed(body).items()}
    except UnicodeDecodeError:
        headers = {name: value.encode() for name, value in signed(b"x").items()}
    if data.draw(st.integers(0, 3)) == 0:
        name = data.draw(st.sampled_from([*headers, "content-length", "transfer-encoding"]))
        headers[name] = data.draw(mutated([*headers.values(), b"1e400", b"\xb2", b"9" * 5000]))
    status, kind, answer = asked(CENTER, "POST", "/presence", b"", headers, body)
    assert status in (200, 400, 401, 413, 415, 422)
    assert kind["content-type"] == "application/json"
    found = json.loads(answer)
    assert status == 200 or found["error"]
    assert len(answer) < 16 * 1024


_QUERIES = [b"limit=10&after=sip:a@x", b"status=online&reachable=true", b"limit=1000", b""]


@fuzzed(150)
@given(st.sampled_from(["/users", "/users/", "/healthz", "/presence", "/x"]), mutated(_QUERIES))
@example("/users", b"limit=00000000100000000000000000000")  # was more than SQL takes
@example("/users", b"limit=1" + b"0" * 5000)
@example("/users", b"limit=\xc2\xb2")
@example("/users/", b"sip:a\n@x")  # was answered in another form
def test_any_request_is_answered(path: str, query: bytes) -> None:
    for suffix in ("", query.decode("utf-8", "replace")) if path == "/users/" else ("",):
        headers = {"authorization": f"Bearer {READ_TOKEN}".encode()}
        status, _, answer = asked(CENTER, "GET", path + suffix, query, headers, b"")
        assert status in (200, 400, 404, 405)
        assert "error" in json.loads(answer) or status == 200
        assert path != "/users" or len(json.loads(answer).get("users", [])) <= 1000


@fuzzed(60)
@given(
    st.sampled_from(["/healthz", "/readyz", "/status", "/metrics", "/", "/x"]),
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "\u0130", ""]),
    mutated(_QUERIES),
    st.binary(max_size=100),
)
def test_a_stages_probes_answer_any_request(
    path: str, method: str, query: bytes, body: bytes
) -> None:
    stage = Stage("fuzz")
    stage.status = lambda: {"node": "n", "received": 1}
    headers = {"accept": body, "host": body, "content-length": query}
    status, _, _ = asked(stage.app(), method, path, query, headers, body)
    assert status in (200, 404, 405, 503)
