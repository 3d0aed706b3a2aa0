"""Reads recordings that are JSON lines, each with `t` in epoch seconds; moves epochs in what a
server sent.
"""

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

_YEAR_2100 = 4_102_444_800
_MICROSECONDS = 1_000_000
# Broken text or JSON, missing fields, wrong types, too deep nesting, numbers out of range.
MALFORMED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
    struct.error,
)
Piece = TypeVar("Piece")


def read_rows(
    path: Path, content: str, read: Callable[[Iterator[dict[str, Any]]], list[Piece]]
) -> list[Piece]:
    """What `read` makes of the rows of a recording of `content`, in order.

    Raises OSError, ValueError when a row is malformed or `read` finds nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = read(json.loads(line) for line in lines if line)
    except MALFORMED as error:
        raise ValueError(f"{path}: not a recording of {content}") from error
    if not found:
        raise ValueError(f"{path}: contains no {content}")
    return found


def microseconds(seconds: object) -> int:
    """Convert seconds since 1970. Raises ValueError, TypeError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("a time must be a number")
    if not 0 <= seconds < _YEAR_2100:
        raise ValueError(f"{seconds} is not a time in seconds since 1970")
    return int(seconds * _MICROSECONDS)


def move_epochs(pattern: re.Pattern[bytes], data: bytes, shift: int) -> bytes:
    """`data` with the second group of every match, epoch seconds, moved by `shift` µs.

    The first group of `pattern` is what stands before it.
    """
    seconds = round(shift / _MICROSECONDS)
    return pattern.sub(lambda match: match[1] + b"%d" % (int(match[2]) + seconds), data)
