"""UniMRCP's log: entries whole and in pieces, cut data, masked data, lines of other kinds."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.mrcp.control_streams import ControlStreams
from producers.mrcp.log_entries import Direction, LogEntries, LogEntry
from producers.mrcp.message import Message, NotMrcp
from tests.unit.mrcp_log import data, line

CONNECTION = "127.0.0.1:1544 <-> 127.0.0.1:40586"
RESPONSE = (
    b"MRCP/2.0 83 2 200 IN-PROGRESS\r\nChannel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)
EVENT = (
    b"MRCP/2.0 94 START-OF-INPUT 2 IN-PROGRESS\r\n"
    b"Channel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)
AT = 1795502816.25


def entries(log: bytes) -> list[LogEntry]:
    return list(LogEntries().feed(log))


@given(st.lists(st.integers(1, 90), max_size=40))
def test_entries_come_out_whole_however_they_are_read(sizes: list[int]) -> None:
    log = (
        line(AT, "Remote SDP 0x1 <new>\nv=0\no=FreeSWITCH 1 2 IN IP4 127.0.0.1")
        + data(AT, "Send", CONNECTION, RESPONSE)
        + line(AT, "Remove Control Channel <a@speechrecog> [0]")
    )
    reader, found, left = LogEntries(), list[LogEntry](), log
    for size in (*sizes, len(log)):
        found += reader.feed(left[:size])
        left = left[size:]
    assert [(one.text[:12], one.direction, one.data) for one in found] == [
        ("Remote SDP 0", None, b""),
        ("Send MRCPv2 ", Direction.SENT, RESPONSE),
        ("Remove Contr", None, b""),
    ]
    assert found[1].connection == CONNECTION
    assert found[1].at == datetime(2026, 11, 24, 6, 46, 56, 250000)
    assert reader.taken == len(log)


@pytest.mark.parametrize(
    "headers", ["", "[NOTICE] ", "mrcp_server.c:653 ", "12345 [INFO]   ", "a.c:1 12345 [DEBUG]  "]
)
def test_headers_may_be_left_out(headers: str) -> None:
    (entry,) = entries(f"2026-11-24 07:46:56:250000 {headers}Add Session <a>\n".encode())
    assert entry.text == "Add Session <a>"


def test_data_that_looks_like_an_entry_is_data() -> None:
    payload = b"a\n2026-11-24 07:46:56:250000 [INFO]   Remove Control Channel <a@speechrecog> [0]"
    (entry,) = entries(data(AT, "Receive", CONNECTION, payload))
    assert entry.data == payload


def test_an_entry_is_cut_where_the_log_is() -> None:
    """`apt_do_log()` writes 4,094 bytes at most; the message after it is read all the same."""
    body = b"x" * 6_000
    head = b"Channel-Identifier: a@speechrecog\r\nContent-Length: 6000\r\n\r\n"
    first = b"MRCP/2.0 %d RECOGNIZE 1\r\n"
    size = len(first % 6_000) + len(head) + len(body)
    message = first % size + head + body
    whole = data(AT, "Receive", CONNECTION, message)
    log = whole[:4_093] + b"\n" + data(AT, "Receive", CONNECTION, EVENT)
    streams = ControlStreams()
    found = [message for entry in entries(log) for message in streams.feed(entry)]
    assert [one.method for one in found] == ["RECOGNIZE", "START-OF-INPUT"]


def test_masked_data_is_read_from_the_heads_of_its_messages() -> None:
    log = (
        line(AT, f"Receive MRCPv2 Data {CONNECTION} [459 bytes]\n")
        + line(AT, f"Parsed Message Header [{len(EVENT)} bytes]\n{EVENT.decode()}")
        + line(AT, "Parsed Message Body [269 bytes]\n*** masked ***")
        + line(AT, "Add Session <a>")
    )
    found = entries(log)
    assert [entry.data for entry in found] == [b"", EVENT, b"", b""]
    streams = ControlStreams()
    assert [m.method for e in found for m in streams.feed(e)] == ["START-OF-INPUT"]


def messages(*pieces: bytes, accepted: bool = True) -> list[Message]:
    streams = ControlStreams()
    if accepted:
        streams.opened(CONNECTION)
    log = b"".join(data(AT, "Receive", CONNECTION, piece) for piece in pieces)
    return [message for entry in entries(log) for message in streams.feed(entry)]


@given(st.lists(st.integers(1, 120), max_size=6))
def test_a_message_may_be_received_in_pieces(sizes: list[int]) -> None:
    left, pieces = EVENT * 2, list[bytes]()
    for size in sizes:
        pieces.append(left[:size])
        left = left[size:]
    pieces = [piece for piece in (*pieces, left) if piece]
    assert [one.method for one in messages(*pieces)] == ["START-OF-INPUT"] * 2


def test_of_a_connection_seen_late_the_first_whole_message_counts() -> None:
    found = messages(b"half a body", EVENT, accepted=False)
    assert [one.method for one in found] == ["START-OF-INPUT"]


def test_what_is_no_message_is_refused_once() -> None:
    streams = ControlStreams()
    streams.opened(CONNECTION)
    (broken,) = entries(data(AT, "Receive", CONNECTION, b"HTTP/1.1 200 OK\r\n"))
    (whole,) = entries(data(AT, "Receive", CONNECTION, EVENT))
    with pytest.raises(NotMrcp):
        list(streams.feed(broken))
    assert not list(streams.feed(broken))
    assert [one.method for one in streams.feed(whole)] == ["START-OF-INPUT"]


def test_a_hole_is_skipped() -> None:
    """A log that was emptied while the server wrote at its old place."""
    assert [e.text for e in entries(b"\0" * 10_000 + line(AT, "Add Session <a>"))] == [
        "Add Session <a>"
    ]
