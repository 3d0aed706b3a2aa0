"""Settings of the kernel watcher: which node, which ports, how often to dump, what is suspect."""

from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator

from producers.setting_types import CloseTimeout, NodeName
from runtime.settings import StageSettings
from schemas.vocabulary import Transport


class SipPort(NamedTuple):
    """A port the SIP server listens on."""

    number: int
    transport: Transport


def read_port(text: str | int) -> SipPort:
    """`5060`, `5061/tls`, `7443/wss`: TCP where no transport is given. Raises ValueError."""
    number, slash, name = str(text).partition("/")
    if not number.isdecimal() or not 0 < int(number) <= 65535:
        raise ValueError(f"{text!r} is not PORT or PORT/TRANSPORT, a port being 1-65535")
    transport = Transport(name.lower()) if name.lower() in set(Transport) else None
    transport = transport if slash else Transport.TCP
    if transport is None or not transport.is_connection:
        raise ValueError(f"{text!r}: the transport is one of tcp, tls, ws, wss")
    return SipPort(int(number), transport)


class SocketsSettings(StageSettings):
    """`[sockets]`: one watcher in the network namespace of one SIP server."""

    section: ClassVar[str] = "sockets"

    node: NodeName = Field(
        description="Name of the node in every record: the same as its registrar's producer uses."
    )
    ports: list[str | int] = Field(
        ["5060", "5061/tls"],
        min_length=1,
        description="Ports the SIP server listens on: 5060, 5061/tls, 5066/ws, 7443/wss.",
    )
    recorded: str | None = Field(
        None,
        pattern=r"^[0-9.]+:[0-9]+$",
        description="For replays: the UDP address to read recorded notifications from instead of "
        "this host's kernel.",
    )
    receive_buffer_bytes: int = Field(
        32 * 2**20, ge=2**12, description="About 1,280 bytes a connection that closes."
    )
    queue_max_messages: int = Field(
        200_000, ge=1, description="Read but not yet published; beyond it a dump reconciles."
    )
    dump_seconds: float = Field(
        1.0, gt=0, description="Between two dumps; more where they would take a tenth of a core."
    )
    missing_after_seconds: float = Field(
        1.0,
        ge=0,
        description="How long a notification may come after a dump without the socket. Then the "
        "connection was reset, and its server has not noticed.",
    )
    suspect_retransmits: int = Field(2, ge=1, description="Of one segment, in a row.")
    suspect_seconds: float = Field(1.0, gt=0, description="Without an ACK while one is due.")
    memory_seconds: float = Field(
        5.0, gt=0, description="How often the known connections are written down for a restart."
    )
    close_timeout_seconds: CloseTimeout = 10

    @field_validator("ports")
    @classmethod
    def _readable(cls, ports: list[str | int]) -> list[str | int]:
        for port in ports:
            read_port(port)
        return ports

    @property
    def sip_ports(self) -> list[SipPort]:
        return [read_port(port) for port in self.ports]
