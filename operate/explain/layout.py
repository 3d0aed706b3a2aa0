"""The layout of a printed explanation: sections, wrapped and indented lines, times."""

import textwrap
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from schemas.origin import Address
from schemas.vocabulary import Transport

T = TypeVar("T")


class Page:
    """Collects `lines` of at most `width` columns; a word that does not fit makes a longer line.

    Times on the day of `beside` are printed without the date.
    """

    def __init__(self, width: int, beside: datetime) -> None:
        self._width = width
        self._day = beside.astimezone(UTC).date()
        self.lines: list[str] = []

    def at(self, at: datetime) -> str:
        """`12:03:07.123Z`, with the date if it is another day."""
        at = at.astimezone(UTC)
        return full(at) if at.date() != self._day else f"{at:%H:%M:%S}.{_milli(at)}Z"

    def text(self, text: str) -> None:
        self._wrap(text, "", "")

    def section(self, title: str, items: Iterable[T], write: Callable[[T], None]) -> None:
        """Add a title and what `write` adds for each item; without items add nothing."""
        for number, item in enumerate(items):
            if number == 0:
                self.lines += ["", title]
            write(item)

    def item(self, text: str) -> None:
        self._wrap(text, "  ", "      ")

    def detail(self, text: str) -> None:
        self._wrap(text, "      ", "        ")

    def _wrap(self, text: str, first: str, rest: str) -> None:
        self.lines += textwrap.wrap(
            _printable(text),
            self._width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def full(at: datetime) -> str:
    """`2026-01-31 12:03:07.123Z`."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{_milli(at)}Z"


def _milli(at: datetime) -> str:
    return f"{at.microsecond // 1000:03}"


def _printable(text: str) -> str:
    """The text without control characters: clients choose what stands in their names."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def connection(transport: Transport | None, remote: Address | None) -> str | None:
    """`tcp from 10.0.0.7:5061`, or the part that is known; None where neither is."""
    if remote is None:
        return None if transport is None else str(transport)
    host = f"[{remote.ip}]" if ":" in remote.ip else remote.ip
    address = f"{host}:{remote.port}"
    return f"{transport} from {address}" if transport else address


def count(number: int, what: str) -> str:
    """`1 binding`, `2 bindings`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
