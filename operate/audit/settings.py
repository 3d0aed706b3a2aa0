"""The section [audit]: which nodes are compared with presence, how often, with what tolerance."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from operate.audit.findings import Limits
from runtime.settings import Duration, StageSettings
from streams.settings import StreamsSettings

# A node's kind, name and address: see operate.audit.nodes.
NodeText = Annotated[str, StringConstraints(pattern=r"^[a-z]+(:[A-Za-z0-9_.:\-]{1,64})?=\S+$")]


def limits_of(audit: "AuditSettings", streams: StreamsSettings) -> Limits:
    """How far a node's listing and presence may be apart in time."""
    return Limits(audit.expiry_tolerance, streams.expiry_slack + streams.node_tick)


class AuditSettings(StageSettings):
    """`[audit]`. Durations are seconds, or ISO 8601 text."""

    section: ClassVar[str] = "audit"

    nodes: list[NodeText] = Field(
        [],
        description="The nodes, each `KIND:NAME=ADDRESS`: freeswitch:fs1=10.0.0.1:8021, "
        "opensips:os1=http://10.0.0.3:8888/mi, kamailio:kam1=http://10.0.0.4:5060/RPC; default: "
        "the one of each section [freeswitch], [opensips], [kamailio] there is.",
    )
    interval: Duration = Field(timedelta(minutes=5), description="Between two audits of the stage.")
    settle: Duration = Field(
        timedelta(seconds=5),
        description="A disagreement is checked again after this time, and reported if it is still "
        "there: longer than an event needs to become presence.",
    )
    expiry_tolerance: Duration = Field(
        timedelta(seconds=10),
        description="Expiries that differ by less are equal: clocks differ, seconds are whole.",
    )
