"""The offer, and the answers of servers that name their address in either place."""

import pytest

from benchmarks.mrcp.sdp import NoChannel, Place, offer, place_in

CHANNEL = "a=channel:32AECB23433801@speechrecog"
EXPECTED = Place(("192.0.2.9", 1544), ("192.0.2.9", 5000), "32AECB23433801@speechrecog")


@pytest.mark.parametrize(
    "lines",
    [
        # RFC 6787 §4.2; the address of the session.
        ("c=IN IP4 192.0.2.9", "m=application 1544 TCP/MRCPv2 1", CHANNEL,
         "m=audio 5000 RTP/AVP 0"),
        # Of each medium.
        ("m=application 1544 TCP/MRCPv2 1", "c=IN IP4 192.0.2.9", CHANNEL,
         "m=audio 5000 RTP/AVP 0", "c=IN IP4 192.0.2.9"),
        ("m=audio 5000 RTP/AVP 0", "c=IN IP4 192.0.2.9", "m=application 1544 TCP/MRCPv2 1",
         "c=IN IP4 192.0.2.9", CHANNEL),
    ],
)  # fmt: skip
def test_the_place_of_an_answer(lines: tuple[str, ...]) -> None:
    assert place_in("\r\n".join(("v=0", *lines, ""))) == EXPECTED


@pytest.mark.parametrize(
    "text",
    ["", "v=0\r\nm=application 0 TCP/MRCPv2 1\r\n", f"v=0\r\n{CHANNEL}\r\nm=audio 0 x 0\r\n"],
)
def test_an_answer_without_a_channel(text: str) -> None:
    with pytest.raises(NoChannel):
        place_in(text)


def test_the_offer() -> None:
    lines = offer("127.0.0.1", 4000, 5).decode().split("\r\n")
    assert "m=application 9 TCP/MRCPv2 1" in lines
    assert "a=resource:speechrecog" in lines
    assert "m=audio 4000 RTP/AVP 0" in lines
