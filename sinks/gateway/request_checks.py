"""What each request passes before its handler: host, origin, and who sent it."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from sinks.gateway.access.hosts import check_host
from sinks.gateway.access.identity import Identity
from sinks.gateway.access.origins import check_origin
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import ticket_in


async def identify(gateway: Gateway, connection: HTTPConnection) -> Identity:
    """Who sends a request, by its token. Raises NotAllowed, TryElsewhere."""
    check_page(gateway, connection)
    address = address_of(connection)
    return await gateway.access.authenticate(connection.headers, address, gateway.wall_now())


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
    check_page(gateway, connection)
    redeemed = gateway.access.redeem(ticket, address_of(connection), gateway.wall_now())
    return Asked(redeemed, query)


def check_page(gateway: Gateway, connection: HTTPConnection) -> None:
    """Raises NotAllowed for a host or an origin that is not allowed."""
    check_host(connection.headers.get("host"), gateway.allowed_hosts)
    check_origin(connection.headers, gateway.allowed_origins)


def address_of(connection: HTTPConnection) -> str:
    """The client's address."""
    return connection.client.host if connection.client else ""
