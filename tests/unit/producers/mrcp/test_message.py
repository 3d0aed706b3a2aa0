"""Messages with their own length in their first line, whole and in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.mrcp.message import Message, Messages, NotMrcp

RESPONSE = (
    b"MRCP/2.0 83 2 200 IN-PROGRESS\r\nChannel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)
EVENT = (
    b"MRCP/2.0 94 START-OF-INPUT 2 IN-PROGRESS\r\n"
    b"Channel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)


@given(st.lists(st.integers(1, 60), max_size=20))
def test_messages_come_out_whole_however_they_arrive(sizes: list[int]) -> None:
    """A response and an event as UniMRCP 1.8 sends them."""
    data, messages = RESPONSE + EVENT, Messages()
    found: list[Message] = []
    for size in (*sizes, len(data)):
        found += messages.feed(data[:size])
        data = data[size:]
    channel = {"channel-identifier": "da64e69856814e96@speechrecog"}
    assert found == [
        Message(2, "IN-PROGRESS", "", 200, channel),
        Message(2, "IN-PROGRESS", "START-OF-INPUT", 0, channel),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"MRCP/2.0 x 1 200 COMPLETE\r\n",
        b"MRCP/2.0 5 1 200 COMPLETE\r\n",
        b"MRCP/2.0 99999999 1 200 COMPLETE\r\n",
        b"MRCP/2.0 31 1 x COMPLETE AB\r\n\r\n",
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(NotMrcp):
        list(Messages().feed(data))


def test_a_request_has_no_state() -> None:
    data = b"MRCP/2.0 68 STOP 4\r\nChannel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
    (stop,) = Messages().feed(data.replace(b"68", str(len(data)).encode()))
    assert (stop.method, stop.request, stop.state, stop.status) == ("STOP", 4, "", 0)
