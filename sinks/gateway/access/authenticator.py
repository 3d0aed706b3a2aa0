"""From a request to who sent it: the first step of every request."""

from starlette.datastructures import Headers

from sinks.gateway.access.credentials import check_site, credential_in, unauthorized
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.jwt import BadToken, TokenExpired
from sinks.gateway.access.jwt_verifier import JwtVerifier
from sinks.gateway.access.key_sources import KeysUnavailable
from sinks.gateway.access.static_tokens import StaticTokens
from sinks.gateway.access.tickets import Tickets
from sinks.gateway.errors import NotAllowed, TryElsewhere


class Authenticator:
    """Finds who sends a request. Without any token configured everybody sees everything."""

    def __init__(
        self,
        static: StaticTokens,
        verifier: JwtVerifier | None = None,
        *,
        tickets: Tickets,
        cookie: str | None = None,
    ) -> None:
        """`cookie`: the name of the cookie that may have the token, None: none may."""
        self._static = static
        self._verifier = verifier
        self._cookie = cookie
        self.tickets = tickets

    @property
    def is_open(self) -> bool:
        return self._verifier is None and not len(self._static)

    @property
    def uses_cookies(self) -> bool:
        return self._cookie is not None and not self.is_open

    async def authenticate(self, headers: Headers, address: str, now: float) -> Identity:
        """Who sends a request with these headers, from this address, `now` (seconds since the
        epoch). Raises NotAllowed, TryElsewhere."""
        if self.is_open:
            return Identity(address)
        credential = credential_in(headers, self._cookie)
        if credential is None:
            raise unauthorized("no token")
        if credential.from_cookie:
            check_site(headers)
        if (known := self._static.find(credential.token)) is not None:
            return known
        if self._verifier is None:
            raise unauthorized("none of gateway.tokens")
        try:
            return await self._verifier.identify(credential.token, now)
        except TokenExpired as error:
            raise NotAllowed("the token has expired", status=401, reason="expired") from error
        except BadToken as error:
            raise unauthorized(str(error)) from error
        except KeysUnavailable as error:
            raise TryElsewhere(str(error), reason="keys") from error

    def redeem(self, ticket: str, address: str, now: float) -> Identity:
        """Who was given a one-time ticket. Raises NotAllowed."""
        if self.is_open:
            return Identity(address)
        if (identity := self.tickets.redeem(ticket, now)) is None:
            raise NotAllowed(
                "the ticket is none, used or expired", status=401, reason="unauthorized"
            )
        return identity

    async def maintain(self) -> None:
        """Keep the issuer's keys fresh, until cancelled."""
        if self._verifier is not None:
            await self._verifier.maintain()
