"""Kamailio's evapi lines and JSON-RPC listings: cut, parsed and translated, whatever they hold."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from producers.kamailio.context import Context
from producers.kamailio.framing import Lines, TooLong
from producers.kamailio.intake import Intake
from producers.kamailio.kernel import KernelWitness
from producers.kamailio.lister import Lister
from producers.kamailio.server import Server
from producers.kamailio.settings import KamailioSettings
from producers.receive_times import Received, Ticks
from producers.sip_proxy.inbox import Inbox, Piece, places
from producers.sip_proxy.mi import decode_json
from producers.sip_proxy.users import Users
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import CallKind, RegistrationKind
from tests.fuzz.collected import Collected, differing
from tests.fuzz.hostile import cuts, fuzzed, mutated, odd_json, pieces, texts
from tests.unit.kamailio_capture import CAPTURES

_AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
_MAX = 8 * 1024
_REGISTER = {
    "ev": "register",
    "aor": "a@sip.test",
    "result": 1,
    "expires": "60",
    "boot": 1795502000,
    "contact": "<sip:a@192.0.2.7:40642;transport=tcp>;expires=60",
    "src": "tcp:192.0.2.7:40642",
    "callid": "c@x",
    "cseq": "1",
    "t": 1795502444.236518,
    "ua": "Phone/1",
    "domain": "location",
}


def _captured() -> list[bytes]:
    """A line of each event."""
    found = {json.dumps(_REGISTER)[:16]: json.dumps(_REGISTER).encode()}
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for row in map(json.loads, path.read_text().splitlines()):
            if row["kind"] == "evapi":
                found.setdefault(row["raw"][:16], row["raw"].encode())
    return list(found.values())


LINES = _captured()
_EVENTS = [json.loads(line.replace(b"<null>", b"null")) for line in LINES]
_DUMP = json.loads((CAPTURES / "rpc_ul_dump.json").read_text())
_CONNECTIONS = json.loads((CAPTURES / "rpc_core_tcp_list.json").read_text())


class Played:
    """An intake as the producer has it; one connection."""

    def __init__(self) -> None:
        ticks = Ticks()
        self.collected = Collected()
        publisher: Any = self.collected
        context = Context("kam1", "run-1", Users("sip.test"))
        server = Server(context, ticks, lease_silence=5)
        kernel = KernelWitness(KamailioSettings(node="kam1", kernel="off"))
        inbox = Inbox(9, 9**9, ticks)
        self.intake = Intake(publisher, server, context, inbox, ticks, kernel, _MAX)
        self._seq = 1_000_000

    def wire(self, data: bytes, cut: list[int]) -> None:
        peer: Any = object()
        for piece in [b"\n", *pieces(data, cut), b""]:
            first = self._seq
            self._seq += places(piece)
            self.intake.take(Piece(Received(_AT, first), peer, piece))
            for topic, _, event in self.collected.published:
                assert event.seq < self._seq or topic is not REGISTRATIONS

    def events(self) -> list[Any]:
        return [event for topic, _, event in self.collected.published if topic is REGISTRATIONS]


@fuzzed(300)
@given(st.lists(mutated(LINES) | odd_json(_EVENTS), min_size=1, max_size=3), cuts)
def test_no_line_stops_the_next(lines: list[bytes], cut: list[int]) -> None:
    played = Played()
    played.wire(b"\n".join([*lines, b""]), cut)
    played.collected.take()
    played.wire(json.dumps(_REGISTER).encode() + b"\n", [])
    assert len(played.events()) == 1


@fuzzed(150)
@given(st.lists(mutated(LINES), max_size=3), cuts)
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], cut: list[int]) -> None:
    data = b"\n".join([*lines, b""])
    whole = Lines(_MAX).feed(data)
    for places_of_cuts in (cut, list(range(min(len(data), 600)))):
        reader, found = Lines(_MAX), []
        for piece in pieces(data, places_of_cuts):
            found += reader.feed(piece)
            assert len(reader._rest) <= _MAX
        assert found == whole


def test_endless_line_is_not_kept() -> None:
    reader, found = Lines(_MAX), list[bytes | TooLong]()
    for _ in range(100_000):
        found += reader.feed(b"x" * 10)
        assert len(reader._rest) <= _MAX + 10
    assert [type(one) for one in found] == [TooLong]


# What a caller chooses, and the fields of the record that may follow it.
_CHOSEN = [("ua", {"user_agent"}), ("callid", {"call_id"}), ("from_display", set[str]())]


@fuzzed(200)
@given(st.sampled_from(_CHOSEN), texts())
def test_a_callers_text_changes_its_own_field_only(chosen: tuple[str, set[str]], text: str) -> None:
    name, allowed = chosen
    found = []
    for value in ("benign", text):
        played = Played()
        line = json.dumps(_REGISTER | {name: value}, ensure_ascii=False, separators=(",", ":"))
        played.wire(line.replace('"boot":1795502000', '"conid":<null>').encode() + b"\n", [])
        found += played.events()
    benign, hostile = found
    assert differing(benign, hostile) <= allowed


class _Rpc:
    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        del parameters
        return decode_json(self._answers[command])


def listed(dump: bytes, connections: bytes) -> Collected:
    played = Played()
    rpc = _Rpc({"ul.dump": dump, "core.tcp_list": connections})
    Lister(rpc, played.intake).list_contacts()
    return played.collected


_LISTED = [json.dumps(_DUMP["result"]).encode(), json.dumps(_CONNECTIONS["result"]).encode()]
_NESTED = b'{"Domains":[{"Domain":{"Domain":"t","AoRs":[{"Info":{"AoR":"a","Contacts":[{"Contact":'


@fuzzed(250)
@given(odd_json([_DUMP["result"]]) | mutated(_LISTED), odd_json([_CONNECTIONS["result"]]))
@example(b'{"Domains":7}', _LISTED[1])  # was walked through
@example(_LISTED[0].replace(b'"Expires": ', b'"Expires": 99999999999999'), _LISTED[1])
@example(_NESTED + b'{"Address":' + b"[" * 950 + b"]" * 950 + b"}}]}}]}}]}", b"[]")
@example(_LISTED[0].replace(b'"location"', b'"' + b"l" * 300 + b'"'), _LISTED[1])
def test_no_listing_stops_the_producer(dump: bytes, connections: bytes) -> None:
    listed(dump, connections)


def test_complete_listing_is_published_completely() -> None:
    collected = listed(*_LISTED)
    assert [e for _, _, e in collected.published if e.kind is RegistrationKind.SNAPSHOT_ROW]
    assert collected.letters == []


_DIALOGS = json.loads((CAPTURES / "rpc_dlg_list_live.json").read_text())["result"]


@fuzzed(150)
@given(odd_json([_DIALOGS]) | mutated([json.dumps(_DIALOGS).encode()]))
def test_no_listing_of_dialogs_stops_the_producer(dialogs: bytes) -> None:
    played = Played()
    Lister(_Rpc({"dlg.list": dialogs}), played.intake).list_calls()
    kinds = [event.kind for _, _, event in played.collected.published]
    assert not kinds or (kinds[0], kinds[-1]) == (CallKind.SNAPSHOT_BEGAN, CallKind.SNAPSHOT_ENDED)
