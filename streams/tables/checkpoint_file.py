"""A checkpoint file of one partition's table: recovery reads only the changelog after it.

The file may be lost, old, cut short or of another topic at any time. It is checked, and not used if
anything is wrong: Kafka has all of it. It is written under another name and then renamed.
"""

import os
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from runtime.private_folders import make_private_folder

_FORMAT = 2  # since 2, values may have overlays
# Entries written or read at once: about a millisecond, then other threads get their turn.
_PIECE = 5_000
_LENGTH_BYTES = 4


class Unusable(Exception):
    """The file must not be used, for the reason given. Recovery reads all from Kafka instead."""


class Header(Struct):
    """The header of a checkpoint file."""

    topic_id: str  # of the changelog: a topic created again under its name has another
    offset: int  # all records before it are in the table, and perhaps some after it
    saved_at: float  # seconds since 1970
    batch: int  # the last one written and published
    entries: int
    dictionary: bytes  # the values are compressed with it
    format: int = _FORMAT


_encode = msgspec.msgpack.Encoder().encode
_read_header = msgspec.msgpack.Decoder(Header).decode
_read_piece = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def write(path: Path, header: Header, kept: Mapping[bytes, bytes]) -> int:
    """Save compressed values by key; returns the size in bytes. Raises OSError."""
    make_private_folder(path.parent)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            _write_piece(file, _encode(header))
            entries = iter(kept.items())
            while piece := dict(islice(entries, _PIECE)):
                _write_piece(file, _encode(piece))
            size = file.tell()
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return size


def read(file: BinaryIO) -> tuple[Header, Iterator[dict[bytes, bytes]]]:
    """The header, and an iterator of entries in pieces. Both raise Unusable."""
    try:
        header = _read_header(_checked(file))
    except msgspec.MsgspecError as error:
        raise Unusable(f"its header cannot be read: {error}") from error
    if header.format != _FORMAT:
        raise Unusable(f"it is of format {header.format}, not {_FORMAT}")
    return header, _pieces(file, header.entries)


def _pieces(file: BinaryIO, entries: int) -> Iterator[dict[bytes, bytes]]:
    while entries > 0:
        try:
            piece = _read_piece(_checked(file))
        except msgspec.MsgspecError as error:
            raise Unusable(f"its entries cannot be read: {error}") from error
        entries -= len(piece)
        yield piece


def _write_piece(file: BinaryIO, data: bytes) -> None:
    file.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
    file.write(zlib.crc32(data).to_bytes(_LENGTH_BYTES, "big"))
    file.write(data)


def _checked(file: BinaryIO) -> bytes:
    length, check = file.read(_LENGTH_BYTES), file.read(_LENGTH_BYTES)
    data = file.read(int.from_bytes(length, "big"))
    if not data or zlib.crc32(data) != int.from_bytes(check, "big"):
        raise Unusable("it is cut short or damaged")
    return data
