"""What each request passes before its handler: its client's rate, host, origin, and its token."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from sinks.gateway.access.hosts import check_host
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.origins import check_origin
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import ticket_in


async def identify(gateway: Gateway, connection: HTTPConnection) -> Identity:
    """Who sends a request, by its token. Raises NotAllowed, TooMany, TryElsewhere."""
    address = check_page(gateway, connection)
    found = await gateway.access.authenticate(connection.headers, address, gateway.wall_now())
    return _known(gateway, connection, found, address)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a stream: who sends it, and its query without the ticket."""

    identity: Identity
    query: bytes


async def identify_stream(gateway: Gateway, connection: HTTPConnection) -> Asked:
    """The same where a one-time ticket in the query may stand for the token.

    Raises BadQuery too.
    """
    ticket, query = ticket_in(connection.scope["query_string"])
    if ticket is None:
        return Asked(await identify(gateway, connection), query)
    address = check_page(gateway, connection)
    redeemed = gateway.access.redeem(ticket, address, gateway.wall_now())
    return Asked(_known(gateway, connection, redeemed, address), query)


def check_page(gateway: Gateway, connection: HTTPConnection) -> str:
    """The client's address. Raises TooMany for one that asks too often, NotAllowed for a host or an
    origin that is not allowed."""
    address = address_of(gateway, connection)
    gateway.limits.check_address(address, gateway.now())
    check_host(connection.headers.get("host"), gateway.allowed_hosts)
    check_origin(connection.headers, gateway.allowed_origins)
    return address


def address_of(gateway: Gateway, connection: HTTPConnection) -> str:
    """The client's address, which a trusted proxy may report."""
    peer = connection.client.host if connection.client else ""
    proxies = gateway.limits.proxies
    if not proxies.has(peer):
        return peer
    return proxies.client(peer, connection.headers.getlist("x-forwarded-for"))


def client_of(connection: HTTPConnection) -> str | None:
    """The holder of the token, where it is known by now."""
    return getattr(connection.state, "client", None)


def _known(gateway: Gateway, connection: HTTPConnection, found: Identity, address: str) -> Identity:
    connection.state.client = found.client
    gateway.limits.check_client(found.client, gateway.now())
    return Identity(found.client, found.scope, found.expires_at, address)
