"""Tokens of the issuer: checked with its keys, and known ones found again without a check."""

import hashlib
from collections import OrderedDict

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.jwt import Rules, UnknownKey, identity_of
from sinks.gateway.access.key_sources import KeySource, KeysUnavailable
from sinks.gateway.access.keys import Keys

# A check takes half a millisecond. A client that asks again sends the same token.
_KNOWN_MAX = 10_000


class JwtVerifier:
    """Belongs to the event loop."""

    def __init__(self, source: KeySource, rules: Rules) -> None:
        self._source = source
        self._rules = rules
        self._known: OrderedDict[bytes, Identity] = OrderedDict()
        self._known_by: Keys | None = None

    async def identify(self, token: str, now: float) -> Identity:
        """Who holds the token. Raises BadToken, KeysUnavailable."""
        keys = self._source.keys() or await self._source.keys_with(None)
        if keys is None:
            raise KeysUnavailable("the issuer's keys are not known")
        try:
            return self._identify(token, keys, now)
        except UnknownKey as unknown:
            newer = await self._source.keys_with(unknown.kid)
            if newer is None or newer is keys:
                raise
            return self._identify(token, newer, now)

    async def maintain(self) -> None:
        """Keep the keys fresh, until cancelled."""
        await self._source.maintain()

    def _identify(self, token: str, keys: Keys, now: float) -> Identity:
        if keys is not self._known_by:
            self._known.clear()
            self._known_by = keys
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(digest)
        if known is not None and not known.is_expired(now):
            self._known.move_to_end(digest)
            return known
        identity = identity_of(token, keys, self._rules, now)
        self._known[digest] = identity
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)
        return identity
