"""rollcall.connections: what happens to the transport connections clients register over."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Address, Event, Identifier, Text
from schemas.vocabulary import ConnectionKind, Transport


def connection_id(node: str, remote: Address) -> str:
    """The key that a node's events about one connection share.

    Registrars name only the peer's address, so the local one is not part of it. Incarnations are
    distinguished by cookie, or by time where no kernel was asked.
    """
    host = f"[{remote.ip}]" if ":" in remote.ip else remote.ip
    return f"{node}/{host}:{remote.port}"


@dataclass(config=RECORD, slots=True, kw_only=True)
class ConnectionEvent(Event):
    """One thing that happened to one connection."""

    kind: ConnectionKind
    connection: Annotated[Identifier, Field(description="Key: node and peer address.")]
    transport: Transport
    remote: Annotated[Address, Field(description="The client's end.")]
    local: Annotated[Address | None, Field(description="The node's end, where known.")] = None
    cookie: Annotated[int | None, Field(description="Kernel socket cookie, where known.")] = None
    reason: Annotated[Text | None, Field(description="As the source writes it.")] = None
