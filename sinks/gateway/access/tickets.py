"""One-time tickets: with one a browser opens a stream, where it cannot send a token (pure).

A ticket is random, lives for seconds, is used once, and shows what the token it was given for
shows, or less. It stands in the query, and so in logs of proxies: by then it is used.
"""

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass

from sinks.gateway.access.identity import Identity

TICKETS_MAX = 100_000
TICKETS_OF_CLIENT_MAX = 1_000
# 256 bits: none is guessed.
_BYTES = 32


class TooManyTickets(Exception):
    """So many are not used yet: wait until they expire."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    identity: Identity
    expires_at: float


class Tickets:
    """The tickets of one gateway that are not used yet. Belongs to the event loop."""

    def __init__(self, lifetime: float) -> None:
        """`lifetime`: seconds."""
        self.lifetime = lifetime
        # By digest, in order of expiry: all live equally long.
        self._waiting: dict[bytes, _Ticket] = {}
        self._of_client: Counter[str] = Counter()

    def issue(self, identity: Identity, now: float) -> tuple[str, float]:
        """A new ticket, and when it expires (seconds since the epoch). Raises TooManyTickets."""
        self._expire(now)
        waiting = self._of_client[identity.client]
        if waiting >= TICKETS_OF_CLIENT_MAX or len(self._waiting) >= TICKETS_MAX:
            raise TooManyTickets("too many tickets are not used yet")
        ticket = secrets.token_urlsafe(_BYTES)
        expires_at = now + self.lifetime
        self._waiting[_digest(ticket)] = _Ticket(identity, expires_at)
        self._of_client[identity.client] += 1
        return ticket, expires_at

    def redeem(self, ticket: str, now: float) -> Identity | None:
        """Whom it was given to; None: it is none, used, or expired. It is used now."""
        self._expire(now)
        found = self._waiting.pop(_digest(ticket), None)
        if found is None:
            return None
        self._forget(found)
        return None if found.identity.is_expired(now) else found.identity

    def _expire(self, now: float) -> None:
        while self._waiting:
            digest, first = next(iter(self._waiting.items()))
            if now < first.expires_at:
                return
            del self._waiting[digest]
            self._forget(first)

    def _forget(self, ticket: _Ticket) -> None:
        client = ticket.identity.client
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()
