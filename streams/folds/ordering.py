"""Ordering: which of two events of one node came first, by how much times may be wrong, and how
long tombstones are kept.

Pure. Every fold compares by these rules.
"""

from datetime import datetime, timedelta
from typing import Protocol, TypeVar


class Placed(Protocol):
    """Anything with a place in its node's history: process, sequence, time."""

    boot: str
    seq: int
    at: datetime


# A tombstone outlives every reordering of the sources and of Kafka: a producer may be late by its
# whole spool. No event needs one that is older than a day.
MAX_TOMBSTONES = 32
MAX_AGE = timedelta(days=1)
# A registrar that was killed lists all bindings of before afterwards, also those of a phone that
# came and went many times, until they expire (an hour by default, RFC 3261 §10.2). So many bindings
# that ended within that time are kept, at an edge and behind it.
MAX_LISTABLE = 128
LISTABLE = timedelta(hours=1)

# FreeSWITCH's event time is up to 20 ms late, and the kernel is asked some time after that. Within
# this time of the kernel's answer the registration counts, and the answer does not.
ANSWER_TOLERANCE = timedelta(seconds=1)
# FreeSWITCH changes its tables some time after it sends the event (its SQL queue), and its listings
# are not atomic. Within this time of a listing's beginning events count, and the listing does not.
LISTING_LAG = timedelta(seconds=2)

# An expiry that differs by more than this from the one that is known is of another REGISTER, or the
# registrar brought it forward (failed pings).
EXPIRY_TOLERANCE = timedelta(seconds=5)

# The sequence of a listing whose producer has read no event of the switch yet, as after its own
# restart: the listing is ordered by its time only.
UNKNOWN_SEQ = 0


class Dated(Protocol):
    """Anything with a time."""

    at: datetime


T = TypeVar("T", bound=Dated)


def binding_key(node: str, identity: str) -> str:
    """The key of a binding in its user's session."""
    return f"{node}|{identity}"


def is_newer(event: Placed, boot: str | None, seq: int, at: datetime) -> bool:
    """Whether `event` came after (boot, seq, at) of the same node.

    Within one boot the source's sequence decides if it is known, else the node's own clock. Clocks
    of different nodes are never compared: callers ask only about one node.
    """
    if event.boot == boot and event.seq != UNKNOWN_SEQ:
        return event.seq > seq
    return event.at > at


def limit_tombstones(tombstones: dict[str, T], at: datetime, most: int = MAX_TOMBSTONES) -> None:
    """Drop the entries that are older than MAX_AGE at `at`, and the oldest beyond a number.

    `most` are kept of those within LISTABLE before `at`, else MAX_TOMBSTONES. Dicts keep the order
    of insertion.
    """
    while tombstones:
        age = at - tombstones[next(iter(tombstones))].at
        limit = most if age <= LISTABLE else MAX_TOMBSTONES
        if len(tombstones) <= limit and age <= MAX_AGE:
            return
        del tombstones[next(iter(tombstones))]
