"""Cursors as text: compact, URL-safe, and refused where they were changed."""

import base64
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.gateway.cursor import Cursor, _checksum, cursor_in, epoch_of, tag_of, view_in
from sinks.gateway.errors import BadQuery

CURSOR = Cursor(epoch_of("a topic"), 29_000_000, (0, 127, 128, 2**40))
OFFSETS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20).map(tuple)


@given(st.binary(min_size=8, max_size=8), st.integers(0, 2**31), OFFSETS)
def test_a_cursor_is_read_as_it_was_written(
    epoch: bytes, minute: int, offsets: tuple[int, ...]
) -> None:
    text = Cursor(epoch, minute, offsets).encode()
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert cursor_in(text) == Cursor(epoch, minute, offsets)


def test_a_cursor_of_four_partitions_is_short() -> None:
    assert len(Cursor(epoch_of("t"), 29_000_000, (10**6,) * 4).encode()) <= 40


@given(st.integers(0, 200), st.sampled_from("AQz09_-"))
def test_a_changed_cursor_is_refused_or_the_same(position: int, character: str) -> None:
    text = CURSOR.encode()
    at = position % len(text)
    changed = text[:at] + character + text[at + 1 :]
    with suppress(BadQuery):  # the last character has bits that mean nothing
        assert cursor_in(changed) == CURSOR


@pytest.mark.parametrize("cut", range(1, len(CURSOR.encode())))
def test_a_cut_cursor_is_refused(cut: int) -> None:
    with pytest.raises(BadQuery):
        cursor_in(CURSOR.encode()[:cut])


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        cursor_in(text)


def test_a_cursor_of_another_format_is_none_at_all() -> None:
    data = bytes([2]) + bytes(20)
    text = base64.urlsafe_b64encode(data + _checksum(data)).decode().rstrip("=")
    assert cursor_in(text) is None


def test_a_cursor_of_many_partitions_is_read_too() -> None:
    cursor = Cursor(epoch_of("t"), 29_000_000, tuple(range(2**40, 2**40 + 500)), "tag")
    assert len(cursor.encode()) > 1_024
    for _ in range(2):
        assert cursor_in(cursor.encode()) == cursor


def test_the_same_offsets_with_other_tags_are_other_cursors() -> None:
    texts = [CURSOR.encode(), f"{CURSOR.encode()}.one", f"{CURSOR.encode()}.two"]
    found = [cursor_in(text) for text in texts]
    assert [one and one.tag for one in found] == ["", "one", "two"]


def test_a_tag_is_that_of_all_who_are_watched_in_any_order() -> None:
    names = ["sip:ann@one.test", "sip:bob@one.test", "@two.test"]
    assert tag_of(names, "v") == tag_of(reversed(names), "v")
    others: tuple[list[str], ...] = (names[:2], [*names, "?reachable"], [], ["".join(names)])
    tags = {tag_of(some, "v") for some in (names, *others)}
    assert len(tags) == 5
    assert tag_of(names, "w") not in tags
    assert view_in(tag_of(names, "v")) == view_in(tag_of([], "v"))


def test_topics_have_epochs_of_their_own() -> None:
    assert epoch_of("one") == epoch_of("one") != epoch_of("two")
