"""A cursor: up to where in the topic a subscriber has received everything it watches (pure).

As text it is base64url without padding (RFC 4648 §5) of: one byte of format version, the epoch,
then the minute it was made, the number of partitions and each one's offset as varints (LEB128),
and the low half of the CRC-32 of all that; then a dot and the tag of the subscription it was sent
to. Subscribers send it back as they got it. It is not signed: it selects what is sent again, and
grants nothing.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sinks.gateway.errors import BadQuery

_VERSION = 1
_EPOCH_BYTES = 8
_CRC_BYTES = 2
_WHOM_MAX = (1 << 48) - 1
# Kafka's offsets are signed 64-bit numbers, of partitions there are fewer than these.
_OFFSET_MAX = 2**63 - 1
_PARTITIONS_MAX = 2**16
# A cursor of more partitions than a request may hold is no cursor.
TEXT_MAX = 32_768
# So many of the last cursors are not decoded again; long ones would take too much memory.
_KNOWN = 1_024
_KNOWN_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True)
class Cursor:
    """`offsets`: of each partition, by its number, the first record that was not received.

    `epoch` names the topic (epoch_of); `minute` is when it was made, minutes since 1970; `tag`
    belongs to the subscription (tag_of): of another, not everything before the offsets was sent.
    """

    epoch: bytes
    minute: int
    offsets: tuple[int, ...]
    tag: str = ""

    def encode(self) -> str:
        """The text that cursor_in reads."""
        return tagged(self.encode_offsets(), self.tag)

    def encode_offsets(self) -> str:
        """That text without its tag: the same for all subscribers at a time."""
        data = bytes([_VERSION]) + self.epoch
        data += b"".join(map(_varint, (self.minute, len(self.offsets), *self.offsets)))
        return base64.urlsafe_b64encode(data + _checksum(data)).rstrip(b"=").decode()


def tagged(text: str, tag: str) -> str:
    """A cursor's text (encode_offsets) with a subscription's tag."""
    return f"{text}.{tag}" if tag else text


def tag_of(users: Iterable[str], view: str) -> str:
    """The tag of a subscription: who is watched (in any order), and what is shown of them."""
    names = "\n".join(sorted(users)).encode()
    whom = zlib.crc32(names, 1) << 16 ^ zlib.crc32(names)
    data = (whom & _WHOM_MAX).to_bytes(6, "big") + zlib.crc32(view.encode()).to_bytes(4, "big")[1:]
    return base64.urlsafe_b64encode(data).decode()


def view_in(tag: str) -> str:
    """The part of a tag that belongs to what is shown, of whomever."""
    return tag[8:]


def epoch_of(identity: str) -> bytes:
    """The epoch of a topic: a hash of what another topic of the same name has not."""
    return hashlib.blake2b(identity.encode(), digest_size=_EPOCH_BYTES).digest()


def cursor_in(text: str, field: str = "cursor") -> Cursor | None:
    """The cursor in a text; None for one of another format version. Raises BadQuery."""
    if len(text) > TEXT_MAX:
        raise BadQuery(f"longer than {TEXT_MAX} characters", field)
    offsets, _, tag = text.partition(".")
    try:
        found = _known(offsets) if len(offsets) <= _KNOWN_CHARACTERS else _decoded(offsets)
    except ValueError as error:
        raise BadQuery(f"no cursor{error}", field) from error
    return None if found is None else Cursor(found.epoch, found.minute, found.offsets, tag)


def _decoded(text: str) -> Cursor | None:
    """The cursor without its tag. Raises ValueError with what follows on "no cursor"."""
    try:
        # By default characters of no alphabet would be skipped.
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(": it is not base64url") from error
    body, checksum = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if len(body) <= 1 + _EPOCH_BYTES or checksum != _checksum(body):
        raise ValueError(", or one that was changed or cut")
    if body[0] != _VERSION:
        return None
    try:
        minute, count, *offsets = _numbers(body[1 + _EPOCH_BYTES :])
    except ValueError as error:
        raise ValueError(f": {error}") from error
    if count != len(offsets) or not count:
        raise ValueError(": not an offset for each partition")
    return Cursor(body[1 : 1 + _EPOCH_BYTES], minute, tuple(offsets))


# Those of a gateway that is gone come back by the thousand, and few of them differ.
_known = lru_cache(_KNOWN)(_decoded)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(data: bytes) -> Iterator[int]:
    """The varints in `data`. Raises ValueError."""
    number = shift = count = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if number > _OFFSET_MAX or shift > 70:
            raise ValueError("a number is too large")
        if byte & 0x80:
            continue
        yield number
        number = shift = 0
        count += 1
        if count > _PARTITIONS_MAX:
            raise ValueError("too many partitions")
    if shift:
        raise ValueError("its last number is cut")


def _checksum(data: bytes) -> bytes:
    return (zlib.crc32(data) & 0xFFFF).to_bytes(_CRC_BYTES, "big")
