"""Which users have a contact or an address: the reverse look-up (pure but for SQLite in memory).

A row is 22 bytes and holds hashes only, in order of domain and AOR: whoever reads the records that
it finds has to compare them. The hashes are the same in all gateways, so that a look-up can go on
at another one.
"""

import sqlite3
from collections.abc import Iterator
from hashlib import blake2b

from schemas.codec import decode
from schemas.presence import Presence, PresenceBinding
from schemas.sip_uri import MalformedUri, binding_identity
from sinks.gateway.message import Message, domain_of

_BITS = 48
_DOMAIN_BITS = 20
_AOR_BITS = _BITS - _DOMAIN_BITS
_ALL = range(1 << _BITS)
Row = tuple[int, int, int]


class Places:
    """Hashes of what the users' bindings have, with the users' positions in the roster."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA cache_size=-200;"
            "CREATE TABLE place (key INTEGER, tag INTEGER, position INTEGER,"
            " PRIMARY KEY (key, tag, position)) WITHOUT ROWID"
        )

    def change(self, old: Message | None, new: Message | None, position: int) -> None:
        """The record of the user at this position has come, changed, or gone."""
        before, after = _rows(old, position), _rows(new, position)
        if gone := before - after:
            self._database.executemany(
                "DELETE FROM place WHERE key = ? AND tag = ? AND position = ?", gone
            )
        if come := after - before:
            self._database.executemany("INSERT OR IGNORE INTO place VALUES (?, ?, ?)", sorted(come))

    def positions(self, key: int, after: str | None, domain: str | None) -> Iterator[int]:
        """Positions of users who may have the key, those after the AOR, of one domain or all.

        Not to be used after the next change.
        """
        tags = domain_tags(domain) if domain is not None else _ALL
        first = max(tags.start, tag_of(after)) if after is not None else tags.start
        rows = self._database.execute(
            "SELECT position FROM place WHERE key = ? AND tag BETWEEN ? AND ? ORDER BY tag",
            (key, first, tags.stop - 1),
        )
        return (position for (position,) in rows)


def _rows(message: Message | None, position: int) -> set[Row]:
    if message is None:
        return set()
    tag = tag_of(message.aor)
    return {
        (key, tag, position)
        for binding in decode(Presence, message.value).bindings
        for key in _keys(binding)
    }


def _keys(binding: PresenceBinding) -> Iterator[int]:
    yield contact_key(binding.contact)
    if (remote := binding.remote) is not None:
        yield address_key(remote.ip, None)
        yield address_key(remote.ip, remote.port)


def contact_identity(contact: str) -> str:
    """One text for all forms of a contact (RFC 3261 §19.1.4); the text itself of no SIP URI."""
    try:
        return binding_identity(contact)
    except MalformedUri:
        return contact


def contact_key(contact: str) -> int:
    """The key of a contact."""
    return _hash(f"contact {contact_identity(contact)}", _BITS)


def address_key(ip: str, port: int | None) -> int:
    """The key of an address, at any port or at one."""
    return _hash(f"address {ip} {port or ''}", _BITS)


def tag_of(aor: str) -> int:
    """The order of users in a look-up: by domain, then by AOR, each hashed."""
    return domain_tags(domain_of(aor)).start + _hash(aor, _AOR_BITS)


def domain_tags(domain: str) -> range:
    """The tags of a domain's users."""
    start = _hash(domain, _DOMAIN_BITS) << _AOR_BITS
    return range(start, start + (1 << _AOR_BITS))


def _hash(text: str, bits: int) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - bits)
