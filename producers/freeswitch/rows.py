"""A row of a switch's registration table, and the names it has there. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

# The switch compares expiries in seconds; ours come from event times and seconds left.
_SAME_EXPIRY = timedelta(seconds=2)


class Name(NamedTuple):
    """A user as the switch spells them in its table and its commands.

    Without `force-register-domain` the table keeps a host in other capitals apart, which is the
    same user's AOR.
    """

    user: str
    host: str


class Row(NamedTuple):
    """What makes rows of one user different: what sofia_reg.c matches on, and the profile's name.

    `contact` is the stored text.
    """

    registrar: str
    contact: str
    call_id: str | None


class Shown(NamedTuple):
    """What last showed a row: its place among the switch's events, and the row's expiry.

    `binding`: the identity that records give the row.
    `registered_at`: when a REGISTER made it, in seconds of the caller's monotonic clock; -inf of a
    listing.
    """

    seq: int
    expires_at: datetime | None
    binding: str
    registered_at: float = float("-inf")


def is_same_expiry(one: datetime | None, other: datetime | None) -> bool:
    """Whether two rows may expire in the same second of the switch's clock."""
    return one is not None and other is not None and abs(one - other) < _SAME_EXPIRY
