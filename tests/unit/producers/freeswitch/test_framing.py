"""Framing: whatever the pieces and whatever the bodies hold, frames come out as they went in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.freeswitch.errors import StreamBroken
from producers.freeswitch.framing import HEADER_MAX_BYTES, Frame, Framing, Skipped
from tests.unit.freeswitch_capture import bodies


def _frame(body: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body)


def _feed(data: bytes, cuts: list[int], max_bytes: int = 2**20) -> list[Frame | Skipped]:
    framing = Framing(max_bytes)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [frame for start, end in pairwise(edges) for frame in framing.feed(data[start:end])]


_hostile = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [b"\n", b"\n\n", b"Content-Length: 3\n", b"Content-Type: auth/request\n", b"%0A", b"x"]
        )
    ).map(b"".join),
)


@given(st.lists(_hostile, max_size=6), st.lists(st.integers(0, 5000), max_size=8))
def test_bodies_come_out_whole_however_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    read = _feed(b"".join(map(_frame, bodies)), cuts)
    assert [frame.body for frame in read if isinstance(frame, Frame)] == bodies


@given(st.lists(_hostile, max_size=3), st.lists(st.integers(0, 5000), max_size=8))
def test_a_frame_too_large_is_skipped_and_the_rest_goes_on(
    bodies: list[bytes], cuts: list[int]
) -> None:
    large = b"\n\nContent-Length: 5\n\n" * 100
    data = b"".join(map(_frame, [*bodies, large, *bodies]))
    read = _feed(data, cuts, max_bytes=1000)
    assert [frame.body for frame in read if isinstance(frame, Frame)] == bodies * 2
    (skipped,) = [frame for frame in read if isinstance(frame, Skipped)]
    assert skipped.size == len(_frame(large))
    assert _frame(large).startswith(skipped.start)


@given(st.lists(st.integers(0, 200_000), max_size=4))
def test_a_header_too_long_is_skipped_with_its_body(cuts: list[int]) -> None:
    long = b"Content-Length: 4\nX: %s\n\nbody" % (b"y" * (HEADER_MAX_BYTES + 1000))
    read = _feed(long + _frame(b"{}"), cuts)
    assert [type(frame) for frame in read] == [Skipped, Frame]


@pytest.mark.parametrize(
    "length", [b"-1", b"1e3", b"0x10", b"1" * 20, "\u0661".encode(), b"", b"1 1"]
)
def test_an_unreadable_length_ends_the_connection(length: bytes) -> None:
    with pytest.raises(StreamBroken):
        list(Framing(1000).feed(b"Content-Length: " + length + b"\n\n"))


@given(st.binary(max_size=2000))
def test_any_bytes_give_frames_or_one_clear_error(data: bytes) -> None:
    try:
        list(Framing(500).feed(data))
    except StreamBroken:
        return


def test_a_capture_cut_into_single_bytes_reads_the_same() -> None:
    data = b"".join(map(_frame, bodies("reg_blind")))
    framing = Framing(2**20)
    read = [frame for byte in data for frame in framing.feed(bytes([byte]))]
    assert [frame.body for frame in read if isinstance(frame, Frame)] == bodies("reg_blind")
