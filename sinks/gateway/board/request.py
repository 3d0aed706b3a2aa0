"""What the page asks the feed for: which users, in which order, which part of the list (pure).

One JSON object states all of it and replaces the one before, so that a lost one costs nothing.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from schemas.codec import InvalidRecord, decode_with
from sinks.gateway.board.row import Row
from sinks.gateway.facts import Confidence

SEARCH_MAX = 200
# Rows of one window: a page shows some fifty, and asks for some before and after them.
WINDOW_MAX = 200
_TEXT_MAX = 512

_RANKS = {confidence: rank for rank, confidence in enumerate(Confidence)}
# The value a column is sorted by, before the AOR.
SORTS: dict[str, Callable[[Row], Any]] = {
    "user": lambda row: row.aor,
    "status": lambda row: (row.facts.status, row.aor),
    "why": lambda row: (row.cause, row.aor),
    "since": lambda row: (row.at, row.aor),
    "devices": lambda row: (len(row.devices), row.aor),
    "node": lambda row: (row.facts.nodes, row.aor),
    "edge": lambda row: (row.facts.edges, row.aor),
    "confidence": lambda row: (_RANKS[row.facts.confidence], row.aor),
    "flaps": lambda row: (row.flaps, row.aor),
}


class Selection(Struct, frozen=True, forbid_unknown_fields=True):
    """Which users, and their order. Filters that are None select everybody."""

    search: str = ""
    status: str | None = None
    reachable: bool | None = None
    confidence: str | None = None
    cause: str | None = None
    domain: str | None = None
    node: str | None = None
    sort: str = "user"
    descending: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """All of them must be found in a user's texts."""
        return tuple(word.removeprefix("sip:") for word in self.search.lower().split())


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is repeated in the answers. `user` is the AOR whose explanation is wanted, too."""

    id: int = 0
    selection: Selection = Selection()
    start: int = 0
    count: int = 50
    user: str | None = None


_decoder = msgspec.json.Decoder(Request)


def request_in(text: str) -> Request:
    """The request in a message of the page. Raises InvalidRecord with the field at fault."""
    request: Request = decode_with(_decoder, text.encode("utf-8", "replace"))
    selection = request.selection
    if selection.sort not in SORTS:
        raise InvalidRecord("selection.sort", f"none of {', '.join(SORTS)}")
    if len(selection.search) > SEARCH_MAX:
        raise InvalidRecord("selection.search", f"longer than {SEARCH_MAX} characters")
    for name in ("status", "confidence", "cause", "domain", "node"):
        if len(getattr(selection, name) or "") > _TEXT_MAX:
            raise InvalidRecord(f"selection.{name}", f"longer than {_TEXT_MAX} characters")
    if not 0 <= request.start < 2**53:
        raise InvalidRecord("start", "less than 0, or too large")
    if not 0 <= request.count <= WINDOW_MAX:
        raise InvalidRecord("count", f"not 0-{WINDOW_MAX}")
    return request
