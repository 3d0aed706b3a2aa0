"""Overlays in front of values: what was joined is split again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.tables.overlays import join, overlaid_key, overlay_key, split

VALUES = st.binary(min_size=1).filter(lambda value: not value.startswith(b"\0"))


@given(st.binary(max_size=70_000).filter(lambda overlay: len(overlay) < 2**16), VALUES)
def test_an_overlay_and_its_value_come_apart_as_they_were(overlay: bytes, value: bytes) -> None:
    assert split(join(overlay, value)) == (overlay, value)


@given(VALUES)
def test_a_value_alone_has_none(value: bytes) -> None:
    assert split(value) == (None, value)


def test_an_overlay_that_is_too_long_is_refused() -> None:
    with pytest.raises(OverflowError):
        join(bytes(2**16), b"{}")


@pytest.mark.parametrize(
    ("key", "value", "under"),
    [
        (overlay_key(b"sip:1001@example.org"), b"[1]", b"sip:1001@example.org"),
        (overlay_key(b"sip:1001@example.org"), b"{}", None),
        (overlay_key(b"sip:1001@example.org"), None, None),
        (b"sip:1001@example.org", b"[1]", None),
    ],
)
def test_an_overlays_record_is_known_by_its_key_and_its_value(
    key: bytes, value: bytes | None, under: bytes | None
) -> None:
    assert overlaid_key(key, value) == under
