"""Requests with their own length in their first line."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mrcp.message import request


@given(st.binary(max_size=2_000))
def test_the_length_counts_its_own_line(body: bytes) -> None:
    made = request("RECOGNIZE", 7, {"Channel-Identifier": "a@speechrecog"}, body)
    first = made.partition(b"\r\n")[0].split(b" ")
    assert (int(first[1]), first[2:]) == (len(made), [b"RECOGNIZE", b"7"])
    assert made.endswith(body)
