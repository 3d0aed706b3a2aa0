"""Who a client is: what it may see, for how long, and its name in logs and limits (pure)."""

from dataclasses import dataclass

from sinks.gateway.access.scope import EVERYTHING, Scope


@dataclass(frozen=True, slots=True)
class Identity:
    """`client` names the token's holder and is no secret: `token 1`, a JWT's subject, an address.

    `expires_at`: seconds since the epoch, None: never. `address`: from where this request comes.
    """

    client: str
    scope: Scope = EVERYTHING
    expires_at: float | None = None
    address: str = ""

    def is_expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at
