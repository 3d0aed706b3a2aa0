"""Messages with their own length in their first line, whole and in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mrcp.message import Answer, Answers, NotMrcp, request

RESPONSE = (
    b"MRCP/2.0 83 2 200 IN-PROGRESS\r\nChannel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)
EVENT = (
    b"MRCP/2.0 94 START-OF-INPUT 2 IN-PROGRESS\r\n"
    b"Channel-Identifier: da64e69856814e96@speechrecog\r\n\r\n"
)


@given(st.binary(max_size=2_000))
def test_the_length_counts_its_own_line(body: bytes) -> None:
    made = request("RECOGNIZE", 7, {"Channel-Identifier": "a@speechrecog"}, body)
    first = made.partition(b"\r\n")[0].split(b" ")
    assert (int(first[1]), first[2:]) == (len(made), [b"RECOGNIZE", b"7"])
    assert made.endswith(body)


@given(st.lists(st.integers(1, 60), max_size=20))
def test_answers_come_out_whole_however_they_arrive(sizes: list[int]) -> None:
    """A response and an event as UniMRCP 1.8 sends them."""
    data, answers = RESPONSE + EVENT, Answers()
    found: list[Answer] = []
    for size in (*sizes, len(data)):
        found += answers.feed(data[:size])
        data = data[size:]
    channel = {"channel-identifier": "da64e69856814e96@speechrecog"}
    assert found == [
        Answer(2, "IN-PROGRESS", "", 200, channel),
        Answer(2, "IN-PROGRESS", "START-OF-INPUT", 0, channel),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"MRCP/2.0 x 1 200 COMPLETE\r\n",
        b"MRCP/2.0 5 1 200 COMPLETE\r\n",
        b"MRCP/2.0 99999999 1 200 COMPLETE\r\n",
        b"MRCP/2.0 31 1 x COMPLETE AB\r\n\r\n",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(NotMrcp):
        list(Answers().feed(data))
