"""What strangers send the gateway: queries, tokens, origins; and records on their way to them."""

import asyncio
import contextlib
import json
from datetime import timedelta

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from schemas import golden, topics
from schemas.codec import InvalidRecord, encode
from schemas.sip_uri import aor_of
from sinks.gateway.access.authenticator import Authenticator
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.origins import check_origin
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.access.static_tokens import StaticToken, StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.board.board import Board
from sinks.gateway.board.matching import Matcher
from sinks.gateway.board.request import request_in
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.commands import command_in, content_in, id_in
from sinks.gateway.cursor import Cursor, cursor_in, epoch_of, tag_of
from sinks.gateway.errors import BadQuery, NotAllowed, Refused
from sinks.gateway.hub import Hub
from sinks.gateway.message import domain_of, presence_message
from sinks.gateway.nodes.known import KnownNodes
from sinks.gateway.query import aor_in, cursor_of, fields_in, watch_of
from sinks.gateway.view import NAMES, fields_of
from tests.fuzz.hostile import fuzzed, mutated, odd_json, texts

CURSOR = (
    Cursor(epoch_of("a topic"), 29_000_000, (7, 2**40, 0, 1), tag_of(["@x"], "")).encode().encode()
)
# Query fields that do not name users.
OTHERS = {b"fields", b"only", b"cursor"}
QUERIES = [
    b"",
    b"aor=sip:1001@sip.example.test&domain=sip.example.test",
    b"aor=sip%3Aa%2540@%5B2001:db8::1%5D:5060&aor=sip:+49@x&domain=[::1]",
    b"domain=x.test&fields=status,bindings.node&only=reachable&watch=named&cursor=" + CURSOR,
    b"aor=%22Bob%22%20%3Csip:bob@x;transport=tcp%3E&&domain=X.test:5060",
]
RECORDS = [one.text.encode() for one in golden.examples(topics.PRESENCE)]


@fuzzed(500)
@given(mutated(QUERIES) | st.binary(max_size=80))
@example(b"aor=" + b"%25" * 20_000)
@example(b"&" * 60_000)
def test_any_query_watches_canonical_users_or_is_bad(query: bytes) -> None:
    faults: list[str | None] = []
    try:
        watch = watch_of(fields_in(query))
    except BadQuery as error:
        json.dumps({"error": str(error), "field": error.field}).encode()
        faults.append(error.field)
    if faults:
        assert faults[0]
        return
    assert {aor_of(aor) for aor in watch.aors} == watch.aors
    assert {domain_of(aor_of(f"sip:x@{domain}")) for domain in watch.domains} == watch.domains
    selecting = {part.partition(b"=")[0] for part in query.split(b"&")} - OTHERS
    assert watch.everybody is not any(selecting)


@fuzzed(300)
@given(mutated(QUERIES) | mutated([CURSOR]).map(lambda text: b"cursor=" + text))
def test_any_cursor_is_read_or_bad_and_as_an_id_never_refused(query: bytes) -> None:
    with contextlib.suppress(BadQuery):
        found = cursor_of(fields_in(query), {})
        assert found is None or cursor_in(found.encode()) == found
    with contextlib.suppress(BadQuery):
        assert fields_of(fields_in(query)) <= NAMES
    cursor_of(fields_in(b""), {"last-event-id": query.decode("latin-1")})


@fuzzed(300)
@given(odd_json([{"add": ["sip:a@x"], "remove": ["sip:b@x"], "cursor": CURSOR.decode(), "id": 1}]))
def test_any_command_is_done_or_refused_with_its_field(text: bytes) -> None:
    try:
        content = content_in(text.decode("utf-8", "replace"))
        id_in(content)
        command = command_in(content, Scope(domains=frozenset({"x"})))
    except Refused as error:
        json.dumps({"error": str(error), "field": error.field}).encode()
        faults = [error.field]
    else:
        faults = []
        assert all(domain_of(aor) == "x" for aor in command.add)
    assert all(faults)


@fuzzed(300)
@given(texts())
def test_any_path_is_a_user_or_bad(text: str) -> None:
    with contextlib.suppress(BadQuery):
        assert aor_of(aor_in(text)) == aor_in(text)


@fuzzed(300)
@given(texts(), texts())
@example("Bearer ", "http://[::1")
def test_no_header_admits_a_client_without_a_token(authorization: str, origin: str) -> None:
    known = StaticToken("a-token-that-no-text-here-has", Identity("x"))
    access = Authenticator(StaticTokens([known]), tickets=Tickets(30), cookie="__Secure-t")
    for given_ in (authorization, f"Bearer {authorization}"):
        with contextlib.suppress(NotAllowed):
            raw = given_.encode("latin-1", "replace")
            headers = Headers(raw=[(b"authorization", raw), (b"cookie", b"__Secure-t=" + raw)])
            asyncio.run(access.authenticate(headers, "", 0.0))
            raise AssertionError(f"let in: {given_!r}")
    with contextlib.suppress(NotAllowed):
        check_origin({"host": "presence.test", "origin": origin})
        assert "presence.test" in origin.lower()


@fuzzed(500)
@given(odd_json([json.loads(record) for record in RECORDS]) | mutated(RECORDS))
@example(RECORDS[0].replace(b"sip:1001@", b"sip:1001\\n\\ndata: x@"))
def test_any_record_is_one_event_or_invalid(value: bytes) -> None:
    try:
        message = presence_message(value, 0.0)
    except InvalidRecord:
        return
    lines = message.sse.split(b"\n")
    assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b"", b""]
    assert b"\r" not in message.sse
    assert message.text.encode() == message.value
    read = msgspec.json.decode(message.text, type=dict[str, msgspec.Raw])
    assert int(bytes(read["version"])) == message.version
    assert aor_of(message.aor) == message.aor
    shown = Scope(domains=frozenset({message.domain})).redact(message)
    assert (shown.aor, shown.version, shown.sse.count(b"\n")) == (message.aor, message.version, 4)


@fuzzed(300)
@given(odd_json([json.loads(record) for record in RECORDS]) | mutated(RECORDS))
@example(RECORDS[0].replace(b"2026-", b"0001-"))
@example(RECORDS[0].replace(b"Z", b""))
def test_any_record_is_shown_on_the_board(value: bytes) -> None:
    try:
        message = presence_message(value, 1.0)
    except InvalidRecord:
        return
    hub = Hub()
    hub.change(message)
    board = Board(
        hub,
        is_caught_up=lambda: True,
        is_kafka_away=lambda: False,
        nodes=KnownNodes(),
        node_lease=timedelta(seconds=5),
        calls=KnownCalls(1),
    )
    board.tick()
    later = presence_message(value, 2.0)
    later.version += 1
    hub.change(later)
    board.change(message, later)
    assert encode(board.explain(message.aor, EVERYTHING))
    assert encode(board.summary(EVERYTHING))
    assert [one.row.version for one in board.states(message.aor)] == [
        later.version,
        later.version - 1,
    ]


@fuzzed(500)
@given(texts() | st.text())
def test_any_request_of_a_page_is_one_or_invalid(text: str) -> None:
    with contextlib.suppress(InvalidRecord):
        request = request_in(text)
        assert Matcher(request.selection, EVERYTHING).select([]) == []
