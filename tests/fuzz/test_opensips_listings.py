"""What MI answers, over HTTP and as text: a whole listing or a MiError, and values stay values."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.opensips import listing, mi_replies
from producers.opensips.context import Context
from producers.opensips.intake import Intake
from producers.opensips.kernel import KernelWitness
from producers.opensips.lister import Lister
from producers.opensips.server import Server
from producers.receive_times import Ticks
from producers.sip_proxy.errors import ListingUnreadable, MiError, MiRefused, MiUnreachable
from producers.sip_proxy.inbox import Inbox
from producers.sip_proxy.mi import HttpMi, decode_json
from producers.sip_proxy.users import Users
from schemas.vocabulary import RegistrationKind
from tests.fuzz.collected import Collected
from tests.fuzz.hostile import fuzzed, mutated, odd_json, texts
from tests.unit.opensips_capture import CAPTURES

_AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
_DUMP = json.loads((CAPTURES / "ul_dump.json").read_text())
_SIDES = {"caller_tag": "t", "from_uri": "sip:a@sip.test", "to_uri": "sip:b@x"}
_DIALOG = {"callid": "c", **_SIDES, "state": 4}
_ANSWERS: dict[str, Any] = {
    "ul_dump": _DUMP,
    "list_tcp_conns": json.loads((CAPTURES / "mi_list_tcp_conns.json").read_text()),
    "uptime": {"jsonrpc": "2.0", "id": 1, "result": {"Up since": "Tue Nov 24 06:01:20 2026"}},
    "version": json.loads((CAPTURES / "mi_version.json").read_text()),
    "dlg_list": {"jsonrpc": "2.0", "id": 1, "result": {"Dialogs": [_DIALOG]}},
}
_TEXT = (CAPTURES / "v24_ul_dump.mi_fifo.txt").read_text()
_TREE = json.loads((CAPTURES / "v24_ul_dump.mi_json.json").read_text())


class _Answers:
    """Where the server is; one client for all examples, as each takes a while to make."""

    def __init__(self) -> None:
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)
        transport = httpx.MockTransport(lambda request: self.answer(request))
        self._client = httpx.Client(transport=transport)

    def mi(self, dialect: str, timeout: float) -> HttpMi:
        mi = HttpMi.__new__(HttpMi)
        mi._url, mi._dialect, mi._timeout, mi._client = "http://mi", dialect, timeout, self._client
        return mi


_SERVER = _Answers()


def queried(answers: dict[str, bytes]) -> Collected:
    """All queries of the producer, to a server with these answers."""

    def answer(request: httpx.Request) -> httpx.Response:
        command = json.loads(request.content)["method"]
        return httpx.Response(200, content=answers.get(command, _encoded(command)))

    _SERVER.answer = answer
    mi = _SERVER.mi("3.x", 5)
    collected, ticks = Collected(), Ticks()
    publisher: Any = collected
    context = Context("os1", "run-1", Users("sip.test"))
    server = Server(context, ticks, has_mi=True, lease_silence=5)
    kernel = KernelWitness("off", context)
    intake = Intake(publisher, server, context, Inbox(9, 9**9, ticks), ticks, 4096, kernel)
    lister = Lister(mi, intake)
    context.dialogs.begin("c", "t")[1].kind = None
    lister.identify()
    lister.list_contacts()
    lister.list_calls()
    intake.unnamed.add("c")
    lister.name_parties()
    return collected


def _encoded(command: str) -> bytes:
    return json.dumps(_ANSWERS[command]).encode()


_DEEP = b'{"result":' + b'{"Domains":[{"name":"t","AORs":[]},' + b"[" * 600 + b"]" * 600 + b"]}}"
_LONG_LEFT = json.dumps(_DUMP).replace('"Expires": ', '"Expires": 99999999999999').encode()


@fuzzed(200)
@given(st.sampled_from(sorted(_ANSWERS)), st.data())
@example("ul_dump", None)
def test_no_answer_stops_the_producer(command: str, data: st.DataObject | None) -> None:
    if data is None:
        for answer in (_DEEP, _LONG_LEFT, _encoded("ul_dump").replace(b'"location"', b'""')):
            queried({"ul_dump": answer})
        queried({"version": b'{"result":{"Server":"\\ud800"}}'})  # no record can carry it
        return
    documents = odd_json([_ANSWERS[command]]) | mutated([_encoded(command)[:4000]])
    queried({command: data.draw(documents)})


def test_complete_answers_are_published_completely() -> None:
    collected = queried({})
    assert [e for _, _, e in collected.published if e.kind is RegistrationKind.SNAPSHOT_ROW]
    assert collected.letters == []


@fuzzed(200)
@given(odd_json([_DUMP["result"], _TREE]) | mutated([_TEXT.encode()]))
def test_any_listing_is_read_or_refused(data: bytes) -> None:
    try:
        reply = decode_json(data) if data[:1] in b"{[" else data.decode(errors="replace")
        for row in listing.read_contacts(reply):
            assert row.domain
        mi_replies.read_connections(reply)
        mi_replies.read_dialogs(reply)
    except ListingUnreadable:
        return


@fuzzed(300)
@given(texts())
@example("x\n\tAOR:: mallory@127.0.0.1")  # gave its next contact to someone else
def test_folded_user_agent_adds_nothing_to_the_text(text: str) -> None:
    agent = "Rig Phone A/1.0"
    rows = listing.read_contacts(_TEXT)
    assert any(row.fields["User-agent"] == agent for row in rows)
    try:
        found = listing.read_contacts(_TEXT.replace(agent, text))
    except ListingUnreadable:
        return
    for one, other in zip(rows, found, strict=True):
        assert (one.domain, one.aor, one.contact) == (other.domain, other.aor, other.contact)
        changed = {name for name, value in one.fields.items() if other.fields.get(name) != value}
        assert changed <= {"User-agent"}


def _endless() -> Any:
    while True:
        yield b" " * 2**20


def test_endless_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.sip_proxy.mi.MAX_REPLY", 8 * 2**20)
    _SERVER.answer = lambda _: httpx.Response(200, content=_endless())
    mi = _SERVER.mi("2.4", 30)
    with pytest.raises(MiUnreachable, match="without end"):
        mi.call("ul_dump")


def test_slow_answer_is_given_up() -> None:
    _SERVER.answer = lambda _: httpx.Response(200, content=_endless())
    mi = _SERVER.mi("3.x", 0.01)
    with pytest.raises(MiUnreachable, match="did not end in time"):
        mi.call("ul_dump")


@fuzzed(60)
@given(st.integers(200, 599), st.binary(max_size=200), st.sampled_from(["3.x", "2.4"]))
def test_any_http_answer_is_a_result_or_a_named_error(
    status: int, body: bytes, dialect: str
) -> None:
    odd = [(b"location", b"http:x"), (b"content-type", b"a; charset=\xff")]
    odd += [(b"content-encoding", b"gzip")]
    stream = httpx.ByteStream(body)
    _SERVER.answer = lambda _: httpx.Response(status, stream=stream, headers=odd[: status % 4])
    mi = _SERVER.mi(dialect, 5)
    try:
        mi.call("uptime")
    except MiError as error:
        assert isinstance(error, MiRefused | MiUnreachable | ListingUnreadable)  # noqa: PT017 - some answers are good
