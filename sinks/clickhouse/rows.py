"""The types of input and output: a delivery from Kafka, and one row type a table.

The field names are the column names of the migrations.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec


class Delivery(NamedTuple):
    """One Kafka record: its position, its bytes, and its CloudEvents id where that is stored.

    `published_at`: its timestamp in Kafka; None where it has none.
    """

    topic: str
    partition: int
    offset: int
    value: bytes | None
    id: str | None = None
    published_at: datetime | None = None

    @property
    def origin(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Row(msgspec.Struct, kw_only=True, gc=False):
    """The columns of every row: the record's position in Kafka, and when it was published."""

    topic: str
    partition: int
    offset: int
    published_at: datetime | None


class EventRow(Row, kw_only=True, gc=False):
    """The columns of schemas.origin.Event, and its kind."""

    id: str
    source: str
    node: str
    boot: str
    seq: int
    at: datetime
    kind: str


class RegistrationRow(EventRow, kw_only=True, gc=False):
    aor: str
    contact: str | None
    contact_form: str | None
    binding: str | None
    remaining: list[str]
    table_read: bool
    table_at: datetime | None
    replaces_call_id: bool
    call_id: str | None
    cseq: int | None
    expires_at: datetime | None
    expired_due: datetime | None
    transport: str | None
    transport_claimed: bool
    remote_ip: str | None
    remote_port: int | None
    cookie: int | None
    connection_gone: bool
    path: str | None
    received_ip: str | None
    received_port: int | None
    registrar: str | None
    user_agent: str | None
    reason: str | None
    status_code: int | None
    snapshot: str | None


class ConnectionRow(EventRow, kw_only=True, gc=False):
    connection: str
    transport: str
    remote_ip: str
    remote_port: int
    local_ip: str | None
    local_port: int | None
    cookie: int | None
    reason: str | None


class CallRow(EventRow, kw_only=True, gc=False):
    aor: str
    leg: str | None
    call: str | None
    sip_call_id: str | None
    direction: str | None
    peer: str | None
    other_leg: str | None
    correlation: str | None
    transfer: str | None
    ended_by: str | None
    hung_up_by: str | None
    state: str | None
    cause: str | None
    status_code: int | None
    digit: str | None
    duration_ms: int | None
    snapshot: str | None


class NodeRow(EventRow, kw_only=True, gc=False):
    version: str | None
    uptime_seconds: float | None
    reason: str | None


class StreamCell(msgspec.Struct, kw_only=True):
    tag: str
    index: int
    type: str
    codec: str | None
    ssrc: int | None
    packets: int
    bytes: int
    errors: int
    last_packet_at: datetime | None
    heard_lost: int | None
    heard_loss_percent: float | None
    heard_jitter_ms: float | None
    heard_mos: float | None
    heard_mos_lowest: float | None
    round_trip_ms: float | None
    heard_reports: int | None


class MediaRow(EventRow, kw_only=True):
    call_id: str
    tags: list[str]
    streams: list[StreamCell]
    created_at: datetime | None
    last_packet_at: datetime | None
    reason: str | None
    tag: str | None
    digit: str | None
    duration_ms: int | None


class SpeechRow(EventRow, kw_only=True, gc=False):
    session: str
    resource: str
    aor: str
    leg: str
    channel: str | None
    call: str | None
    engine: str | None
    server: str | None
    started_at: datetime
    input_started_at: datetime | None
    result_at: datetime | None
    results: int
    ended_at: datetime | None
    cause: str | None
    latency: float | None
    text: str | None


class CallRecordRow(Row, kw_only=True, gc=False):
    id: str
    version: int
    merged_into: str
    call_id: str | None
    call: str
    node: str
    nodes: list[str]
    users: list[str]
    joined: list[str]
    caller: str | None
    callee: str | None
    dialled: str | None
    state: str
    started: datetime
    ringing: datetime | None
    early: datetime | None
    answered: datetime | None
    ended: datetime | None
    cause: str | None
    status_code: int | None
    hung_up_by: str | None
    at_risk: bool
    holds: int
    forks: int
    transfers: int
    picked_up: bool
    digits: int
    mos: float | None
    loss_percent: float | None
    jitter_ms: float | None
    round_trip_ms: float | None
    media_timed_out: bool
    speech: int
    record: str


class DialResultRow(Row, kw_only=True, gc=False):
    key: str
    call: str
    client: str
    asked_at: datetime
    at: datetime
    state: str
    outcome: str
    cause: str | None
    aor: str
    gateway: str
    number: str
    node: str
    digits: int
    digits_sent: int
    digits_confirmed: int
    attempts: int
    connect_seconds: float | None
    record: str


class DeadLetterRow(Row, kw_only=True, gc=False):
    id: str
    at: datetime
    source: str
    reason: str
    field: str | None
    payload: str
    size: int


class BindingCell(msgspec.Struct, kw_only=True):
    node: str
    contact: str
    transport: str | None
    remote_ip: str | None
    remote_port: int | None
    registrar: str | None
    user_agent: str | None
    since: datetime
    edge: str | None
    path: str | None
    suspect: bool
    stale: bool
    contact_form: str | None


class CallCell(msgspec.Struct, kw_only=True):
    node: str
    leg: str
    call: str
    sip_call_id: str | None
    direction: str | None
    peer: str | None
    state: str
    since: datetime
    media_lost: bool


class PresenceRow(Row, kw_only=True):
    aor: str
    version: int
    status: str
    reachable: bool
    cause: str
    at: datetime
    bindings: list[BindingCell]
    calls: list[CallCell]
    evidence: list[str]
