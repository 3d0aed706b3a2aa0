"""The fields of every source event: who observed it, on which node and boot, when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.vocabulary import Source

# Models of outside input are pydantic dataclasses, which check each instance. Those that Rollcall
# itself derives (sessions, presence, internal records) are plain dataclasses: unchecked, and fast
# enough for the folds. pydantic reads and describes both.
#
# A reader of version n reads n+1: unknown fields are ignored, never refused.
RECORD = ConfigDict(extra="ignore")

# No legitimate identifier in a SIP message is longer.
Text = Annotated[str, Field(max_length=1024)]
Identifier = Annotated[str, Field(min_length=1, max_length=255)]
Aor = Annotated[str, Field(pattern=r"^sip:[^@\s]+@[^@\s]+$", max_length=512)]
Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(slots=True, kw_only=True)
class Event:
    """What one source observed at one moment.

    `at` is the node's own clock and may lag the truth (FreeSWITCH: up to 20 ms); it is compared
    only with times of the same node. `seq` orders events of one node and one boot.
    """

    id: Annotated[
        Identifier, Field(description="Deterministic: a repeat has the same id for ever.")
    ]
    source: Source
    node: Annotated[Identifier, Field(description="The SIP node the event is about.")]
    boot: Annotated[
        Identifier, Field(description="Identity of the node's process since its start.")
    ]
    seq: Annotated[int, Field(ge=0, description="Source sequence within the boot.")]
    at: Annotated[datetime, Field(description="When it happened, by the node's clock (UTC).")]


@dataclass(slots=True, kw_only=True)
class Address:
    """An IP address and port as the node's kernel sees them (IPv6 without brackets)."""

    ip: Annotated[Identifier, Field(description="IPv4 or IPv6, without brackets.")]
    port: Annotated[Port, Field(description="TCP or UDP.")]
