"""A presence record as a message: framed once, and refused where it could break its frame."""

import pytest

from schemas.codec import InvalidRecord, encode
from sinks.gateway.message import live_message, presence_message, removal_message
from tests.user_center import presence

ANN = "sip:ann@one.test"


def test_a_message_has_the_bytes_of_the_record() -> None:
    value = encode(presence(ANN, 7)).replace(b"{", b'{"later": "f\xc3\xbcr", ', 1)
    message = presence_message(value, 1.5)
    assert (message.value, message.text) == (value, value.decode())
    assert message.sse == b"id: sip:ann@one.test/7\nevent: presence\ndata: " + value + b"\n\n"
    assert (message.aor, message.version, message.domain) == (ANN, 7, "one.test")
    live = b'id: c\nevent: live\ndata: {"event":"live","resumed":true,"cursor":"c"}\n\n'
    assert live_message("c", resumed=True).sse == live
    assert message.sse_without_id == b"event: presence\ndata: " + value + b"\n\n"
    assert removal_message(ANN, 0.0).text == '{"event":"removed","aor":"sip:ann@one.test"}'


def test_line_ends_of_a_record_do_not_end_its_event() -> None:
    value = encode(presence(ANN, 7)).replace(b",", b",\r\n\n")
    lines = presence_message(value, 0.0).sse.splitlines()
    assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b""]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"version":7', b'"version":0', "version"),
        (b'"version":7', b'"version":"7"', "version"),
        (ANN.encode(), b"sip:ann@ONE.test", "aor"),
        (ANN.encode(), b"sip:ann\\ndata: x@one.test", "aor"),
        (ANN.encode(), b"no user", "aor"),
    ],
)
def test_a_value_that_is_no_presence_record_is_refused(old: bytes, new: bytes, field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        presence_message(encode(presence(ANN, 7)).replace(old, new), 0.0)
    assert caught.value.field == field
