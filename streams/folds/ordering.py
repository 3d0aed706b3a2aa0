"""How bindings are named, which of two things on one node came first, how long ends are kept."""

from datetime import datetime, timedelta
from typing import Protocol, TypeVar


class Placed(Protocol):
    """Anything with a place in its node's history."""

    boot: str
    seq: int
    at: datetime


# A tombstone outlives every reordering the sources and Kafka can make: a spooled producer may lag
# by its whole spool. What is older than a day, by whichever node's clock, nothing asks for.
MAX_TOMBSTONES = 32
MAX_AGE = timedelta(days=1)
# A registrar that was killed lists afterwards whoever was registered then: the dead of a phone that
# came and went many times, too, as long as their registrations last (an hour by default, RFC 3261
# §10.2). So many bindings that ended within that time are remembered, at an edge and behind it.
MAX_LISTABLE = 128
LISTABLE = timedelta(hours=1)

# FreeSWITCH's event time lags the truth by up to 20 ms, a kernel is asked some time after that:
# within this time of the answer, the registration is believed and the answer is not.
ANSWER_TOLERANCE = timedelta(seconds=1)
# FreeSWITCH changes its tables some time after it says so (its SQL queue), and its listings are not
# atomic: within this time of a listing's beginning, events are believed and the listing is not.
LISTING_LAG = timedelta(seconds=2)

# The sequence of a listing whose producer has heard no event of the switch yet, as after its own
# restart: where in its history the listing stands only the clock tells.
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

    Within one boot the source's sequence decides, where it is known; else the node's own clock.
    Clocks of different nodes are never compared: callers ask only about one node.
    """
    if event.boot == boot and event.seq != UNKNOWN_SEQ:
        return event.seq > seq
    return event.at > at


def limit_tombstones(tombstones: dict[str, T], at: datetime, most: int = MAX_TOMBSTONES) -> None:
    """Drop entries beyond MAX_AGE before `at`, and beyond a number, the oldest first.

    The number is `most` of those within LISTABLE before `at`, else MAX_TOMBSTONES. Dicts keep the
    order of insertion.
    """
    while tombstones:
        age = at - tombstones[next(iter(tombstones))].at
        limit = most if age <= LISTABLE else MAX_TOMBSTONES
        if len(tombstones) <= limit and age <= MAX_AGE:
            return
        del tombstones[next(iter(tombstones))]
