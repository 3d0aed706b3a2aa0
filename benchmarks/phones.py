"""Phones on real connections: their registrations, with the kernel's cookies."""

from collections.abc import Iterable, Iterator

from benchmarks.clients import Clients, Servers
from benchmarks.population import Population, Prepared
from benchmarks.scene import NotReached
from producers.sockets.query import ConnectionQuery, Found
from schemas.origin import Address
from schemas.vocabulary import RegistrationKind, Transport

# All at one node, whose kernel is this machine's; one for each connection.
PHONES = Population(100_000, group="phones", nodes=1, name="edge", transports=(Transport.TCP,))


def watching(servers: Servers) -> dict[str, str]:
    """Environment of a `sockets` stage beside these servers."""
    return {
        "ROLLCALL_SOCKETS_NODE": PHONES.node(0),
        "ROLLCALL_SOCKETS_PORTS": f"[{servers.port}]",
    }


def over_connections(clients: Iterable[Clients], server: int) -> Iterator[Prepared]:
    """Phone n registers over the n-th connection to port `server`.

    Raises NotReached when the kernel does not know one.
    """
    query = ConnectionQuery([server])
    local = Address(ip="127.0.0.1", port=server)
    for number, port in enumerate(port for one in clients for port in one.ports):
        remote = Address(ip="127.0.0.1", port=port)
        answer = query.cookie_of(local, remote)
        if not isinstance(answer, Found):
            raise NotReached(f"the kernel does not know the connection from port {port}: {answer}")
        contact = f"sip:{number}@127.0.0.1:{port};transport=tcp"
        yield PHONES.registration(
            number,
            RegistrationKind.REGISTERED,
            contact=contact,
            binding=contact,
            remote=remote,
            cookie=answer.cookie,
        )
    query.close()
