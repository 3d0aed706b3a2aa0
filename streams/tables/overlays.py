"""Overlays: a small value laid over one of a table's values, kept in front of it in one `bytes`.

What changes a part of a value very often need not write all of it. An overlay lasts until the value
under it is written. In the changelog it has a record of its own, whose key is the value's and
streams.consumed.OVERLAY_END. Values are JSON objects there, overlays are JSON arrays.
"""

from typing import Protocol

from streams.consumed import OVERLAY_END

# No JSON and no compressed value begins with it.
_MARK = b"\0"
_LENGTH_BYTES = 2
_HEAD = len(_MARK) + _LENGTH_BYTES


class Overlays(Protocol):
    """The overlays of a partition's table, by the keys of the values under them."""

    def get(self, key: bytes, /) -> bytes | None:
        """The overlay over a key's value, as it was laid."""

    def __setitem__(self, key: bytes, overlay: bytes, /) -> None:
        """Lay an overlay over the value of a key, in place of an earlier one."""


def overlay_key(key: bytes) -> bytes:
    """The key of the changelog record of the overlay over a key's value."""
    return key + OVERLAY_END


def overlaid_key(key: bytes, value: bytes | None) -> bytes | None:
    """The key of the value under the overlay that a changelog record is; None if it is none."""
    if value is None or not value.startswith(b"[") or not key.endswith(OVERLAY_END):
        return None
    return key[: -len(OVERLAY_END)]


def join(overlay: bytes, value: bytes) -> bytes:
    """A value (compressed or not) with an overlay, at most 64 KiB long, over it."""
    return b"".join((_MARK, len(overlay).to_bytes(_LENGTH_BYTES, "big"), overlay, value))


def split(kept: bytes) -> tuple[bytes | None, bytes]:
    """The overlay, if there is one, and the value under it."""
    if not kept.startswith(_MARK):
        return None, kept
    end = _HEAD + int.from_bytes(kept[len(_MARK) : _HEAD], "big")
    return kept[_HEAD:end], kept[end:]
