"""The gateway's REST interface by its own OpenAPI document, for tokens with and without scope."""

import json
from itertools import pairwise
from typing import Any

import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.codec import encode
from schemas.presence import Presence
from sinks.gateway.app import app
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import presence_message
from sinks.gateway.settings import GatewaySettings
from tests.fuzz.hostile import fuzzed, mutated
from tests.fuzz.test_http import asked
from tests.unit.sinks.gateway.calls.making import record, stored
from tests.user_center import presence

_TRUNK = "sip:trunk@nowhere.test"
_SCOPED = "a-token-for-one-domain"
_HIDDEN = [presence(f"sip:hidden{number}@hidden.test", number) for number in (1, 2, 3)]
_SHOWN = [presence(f"sip:shown{number}@shown.test", number) for number in (1, 2, 3)]


def _application(*records: Presence, **settings: Any) -> ASGIApp:
    gateway = Gateway(GatewaySettings.model_validate(settings))
    gateway.apply([presence_message(encode(one), 0.0) for one in records])
    for number, (caller, callee) in enumerate(pairwise([*(one.aor for one in records), _TRUNK])):
        gateway.calls.put(stored(record(number, caller, callee, id=f"call-{caller}")))
    gateway.calls.is_read = gateway.is_caught_up = True
    served = app(gateway)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        """What is no coroutine function, schemathesis takes for WSGI."""
        await served(scope, receive, send)

    return application


_token = {"token": _SCOPED, "name": "one", "domains": ["shown.test"], "fields": ["contact"]}
OPEN = _application(*_SHOWN, *_HIDDEN)
# One with the hidden users, and one that never had them: a token cannot see a difference.
WITH, WITHOUT = (_application(*_SHOWN, *more, token=[_token]) for more in (_HIDDEN, ()))
_schema = schemathesis.openapi.from_asgi("/openapi.json", OPEN)


@_schema.parametrize()
@fuzzed(12)
def test_the_gateway_fits_its_openapi_document(case: schemathesis.Case[Any]) -> None:
    # JSON Schema cannot describe which texts are SIP URIs: such are 400.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


_PATHS = [
    "/v1/users",
    "/v1/users/sip:hidden1@hidden.test",
    "/v1/users/sip:hidden1@hidden.test/route",
    "/v1/nodes",
    "/v1/calls",
    "/v1/calls/call-sip:hidden2@hidden.test",
]
_QUERIES = [
    b"domain=hidden.test",
    b"status=online&limit=1",
    b"node=node-1&reachable=true&limit=2",
    b"contact=sip:alice@192.0.2.7:5060;transport=tcp&limit=1",
    b"address=192.0.2.7",
    b"cursor=AXNpcDpoaWRkZW4xQGhpZGRlbi50ZXN0",
    b"from=node-1&profile=x",
    b"aor=sip:hidden2@hidden.test",
    b"state=open&limit=1",
]
_AORS = [one.aor for one in (*_SHOWN, *_HIDDEN)]


@fuzzed(100)
@given(
    st.sampled_from(_PATHS),
    mutated(_QUERIES) | st.sampled_from(_QUERIES),
    st.sampled_from([b"*/*", b"text/plain", b"application/pidf+xml", b"application/reginfo+xml"]),
)
def test_no_request_shows_what_is_outside_the_scope(path: str, query: bytes, accept: bytes) -> None:
    headers = {"authorization": f"Bearer {_SCOPED}".encode(), "accept": accept}
    answers = [asked(one, "GET", path, query, headers, b"") for one in (WITH, WITHOUT)]
    assert answers[0] == answers[1]


@fuzzed(30)
@given(st.lists(st.sampled_from(_AORS) | st.text(max_size=20), min_size=1, max_size=9))
def test_no_set_of_users_shows_what_is_outside_the_scope(aors: list[str]) -> None:
    headers = {"authorization": f"Bearer {_SCOPED}".encode(), "content-type": b"application/json"}
    body = json.dumps({"aors": aors}).encode()
    answers = [
        asked(one, "POST", "/v1/presence/query", b"", headers, body) for one in (WITH, WITHOUT)
    ]
    assert answers[0] == answers[1]
