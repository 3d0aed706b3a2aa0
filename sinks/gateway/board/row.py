"""A user as the board lists it: what of a presence record is searched, sorted and shown (pure)."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from sinks.gateway.facts import Facts
from sinks.gateway.message import Message

Devices = tuple[str, ...]
# So many different lists of devices are kept to be shared, before they are collected anew.
_SHARED = 50_000
_shared: dict[Devices, Devices] = {}


class Row(Struct, gc=False):
    """One user in one state. `at`: seconds since the epoch; `devices`: their user agents, each ""
    where it is not known; `text`: what is searched of the AOR.

    `flaps`: how often the user became unreachable within the last hour, kept by the board.
    """

    aor: str
    text: str
    version: int
    facts: Facts
    cause: str
    at: float
    devices: Devices
    flaps: int = 0


class _Binding(Struct):
    user_agent: str | None = None


class Parts(Struct):
    """What is read of a record beside its facts."""

    cause: str
    at: datetime
    bindings: list[_Binding] = []
    evidence: tuple[str, ...] = ()


_read = msgspec.json.Decoder(Parts).decode


def parts_of(message: Message) -> Parts:
    """The parts of a message's record."""
    return _read(message.value)


def row_of(message: Message, parts: Parts | None = None, flaps: int = 0) -> Row:
    """The row of a message; `parts`: those of its record, if they are read already."""
    parts = parts or parts_of(message)
    return Row(
        message.aor,
        message.aor.removeprefix("sip:").lower(),
        message.version,
        message.facts,
        parts.cause,
        seconds(parts.at),
        shared(tuple([one.user_agent or "" for one in parts.bindings])),
        flaps,
    )


def seconds(at: datetime) -> float:
    """Since the epoch; a time without a zone is UTC, as everywhere in the contract."""
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def shared(devices: Devices) -> Devices:
    """An equal list that other rows already have."""
    if len(_shared) > _SHARED:
        _shared.clear()
    return _shared.setdefault(devices, devices)
