"""OpenSIPS' datagrams, streams and 2.4 lines: cut, parsed and translated, whatever they hold."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from producers.opensips.context import Context
from producers.opensips.event import parse
from producers.opensips.intake import Intake
from producers.opensips.kernel import KernelWitness
from producers.opensips.server import Server
from producers.receive_times import Received, Ticks
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.inbox import Inbox, Piece, places
from producers.sip_proxy.users import Users
from schemas.topics import NODES
from tests.fuzz.collected import Collected, differing
from tests.fuzz.hostile import cuts, fuzzed, mutated, odd_json, pieces, texts
from tests.unit.opensips_capture import CAPTURES, EDGES, rows

_AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
_MAX = 16 * 1024


def _captured() -> list[bytes]:
    """One event of each name and form."""
    found: dict[tuple[str, bool], bytes] = {}
    for path in sorted([*CAPTURES.glob("*.datagram"), *EDGES.glob("*.datagram")]):
        for row in rows(path):
            data = base64.b64decode(row.get("b64") or "")
            try:
                found.setdefault((parse(data).name, data.startswith(b"{")), data)
            except Unreadable:
                continue
    return list(found.values())


MESSAGES = _captured()
JSON = [data for data in MESSAGES if data.startswith(b"{")]
_EVENTS = {event["method"]: event for event in map(json.loads, JSON)}


class Played:
    """An intake as the producer has it; one peer."""

    def __init__(self) -> None:
        ticks = Ticks()
        self.collected = Collected()
        publisher: Any = self.collected
        context = Context("os1", "run-1", Users("sip.test", ["sip.test"]), ports={5060, 5070})
        server = Server(context, ticks, has_mi=False, lease_silence=5)
        kernel = KernelWitness("off", context)
        self.intake = Intake(publisher, server, context, Inbox(9, 9**9, ticks), ticks, _MAX, kernel)
        self._seq = 1_000_000

    def _take(self, peer: Any, data: bytes) -> None:
        first = self._seq
        self._seq += places(data)
        self.intake.take(Piece(Received(_AT, first), peer, data))
        for _, _, event in self.collected.published:
            assert event.seq < self._seq  # within its own read's places

    def datagram(self, data: bytes) -> None:
        self._take(None, data)

    def stream(self, given_pieces: list[bytes]) -> None:
        peer = _Peer()
        for piece in [*given_pieces, b""]:
            self._take(peer, piece)


class _Peer:
    def acknowledge(self, data: bytes) -> None:
        json.loads(data)


INSERT = json.dumps(_EVENTS["E_UL_CONTACT_INSERT"]).encode()
_CSEQ = INSERT.replace(b'"cseq"', b'"CSEQ"').replace(
    b'"params": {', b'"params": {"cseq":' + b"9" * 20 + b","
)
_DEEP = [
    b'{"jsonrpc":"2.0","method":"E_UL_CONTACT_INSERT","params":{"aor":'
    + b"[" * n
    + b"]" * n
    + b"}}"
    for n in range(860, 1000, 4)
]


@fuzzed(300)
@given(mutated(MESSAGES) | odd_json(list(_EVENTS.values())))
@example(_CSEQ)  # went out, and no stream could read it
def test_no_datagram_stops_the_next(data: bytes) -> None:
    played = Played()
    played.datagram(data)
    assert len(played.collected.letters) <= 1
    played.collected.take()
    played.datagram(INSERT)
    assert played.collected.published


@fuzzed(200)
@given(st.lists(mutated(JSON) | odd_json(list(_EVENTS.values())), max_size=3), cuts)
@example(_DEEP, [])  # could be read, but not written down again
@example([b"{}" * 2000, b"1 " * 2000, b"{x}" * 2000], [])  # took places of the next read
def test_no_stream_stops_the_next(messages: list[bytes], cut: list[int]) -> None:
    played = Played()
    played.stream(pieces(b"".join(messages), cut))
    played.collected.take()
    played.stream([INSERT])
    assert any(topic is not NODES for topic, _, _ in played.collected.published)


# What a caller chooses, and the fields of the record that may follow it.
_CHOSEN = [
    ("E_UL_CONTACT_INSERT", "user_agent", {"user_agent"}),
    ("E_UL_CONTACT_INSERT", "callid", {"call_id"}),
    ("E_UL_CONTACT_INSERT", "attr", set()),
    ("E_UL_CONTACT_DELETE", "user_agent", {"user_agent"}),
    ("E_UL_CONTACT_UPDATE", "callid", {"call_id"}),
    ("E_EDGE_REGISTER", "callid", {"call_id"}),
    ("E_DLG_STATE_CHANGED", "to_tag", set()),
    ("E_ACC_CDR", "sip_reason", set()),
    ("E_ACC_CDR", "to_tag", set()),
]


def _as_lines(name: str, parameters: dict[str, Any]) -> bytes:
    """event_datagram.c: a value with a newline is quoted, its quotes escaped."""
    lines = [name]
    for key, value in parameters.items():
        text = "" if value is None else str(value)
        quoted = '"' + text.replace('"', '\\"') + '"' if "\n" in text else text
        lines.append(f"{key}::{quoted}")
    return ("\n".join(lines) + "\n\n").encode()


@fuzzed(400)
@given(st.sampled_from(_CHOSEN), texts(), st.sampled_from(["json", "stream", "lines"]))
def test_a_callers_text_changes_its_own_field_only(
    chosen: tuple[str, str, set[str]], text: str, form: str
) -> None:
    name, parameter, allowed = chosen
    results = []
    for value in ("benign", text):
        event = json.loads(json.dumps(_EVENTS[name]))
        event["params"][parameter] = value
        played = Played()
        if form == "lines":
            played.datagram(_as_lines(name, event["params"]))
        else:
            data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
            played.datagram(data) if form == "json" else played.stream([data])
        results.append(played.collected)
    benign, hostile = (
        [event for topic, _, event in one.published if topic is not NODES] for one in results
    )
    assert benign
    if form == "lines" and results[1].letters:
        assert hostile == []  # what can be read two ways is not read at all
        return
    assert len(hostile) == len(benign)
    for one, other in zip(benign, hostile, strict=True):
        assert differing(one, other) <= allowed
