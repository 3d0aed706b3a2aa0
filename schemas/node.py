"""rollcall.nodes: heartbeats and state changes of the SIP nodes themselves."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Event, Text
from schemas.vocabulary import NodeKind


@dataclass(config=RECORD, slots=True, kw_only=True)
class NodeEvent(Event):
    """What a node's producer reports about it; `at` is the node's clock."""

    kind: NodeKind
    version: Annotated[Text | None, Field(description="Of the SIP server.")] = None
    uptime_seconds: Annotated[
        Annotated[float, Field(ge=0)] | None, Field(description="Of the SIP server's process.")
    ] = None
    reason: Annotated[Text | None, Field(description="Why it is down, or what was lost.")] = None
