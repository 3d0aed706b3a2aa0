"""From a request's headers to who sent it: the first step of every request."""

from collections.abc import Mapping

from sinks.gateway.access.identity import Identity
from sinks.gateway.access.static_tokens import StaticTokens
from sinks.gateway.errors import NotAllowed


class Authenticator:
    """Finds who sends a request. Without any token configured everybody sees everything."""

    def __init__(self, static: StaticTokens) -> None:
        self._static = static

    @property
    def is_open(self) -> bool:
        return not len(self._static)

    async def authenticate(self, headers: Mapping[str, str], address: str) -> Identity:
        """Raises NotAllowed. `headers` finds a name in lower case; `address`: the client's own."""
        if self.is_open:
            return Identity(address)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        identity = self._static.find(token.strip()) if scheme.lower() == "bearer" else None
        if identity is None:
            raise NotAllowed(
                "a valid token is missing: Authorization: Bearer TOKEN",
                status=401,
                reason="unauthorized",
            )
        return identity
