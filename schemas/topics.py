"""Every topic, declared once: name, key, model, cleanup, writers and readers."""

from datetime import timedelta

from schemas.call import CallEvent
from schemas.call_record import CallRecord
from schemas.connection import ConnectionEvent
from schemas.dead_letter import DeadLetter
from schemas.dialling import DialCommand, DialResult
from schemas.forgetting import ForgetCommand
from schemas.internal import (
    CallOwner,
    ConnectionLoss,
    ConnectionOwner,
    ConnectionState,
    MediaState,
    MediaUpdate,
    NodeChange,
    NodeState,
)
from schemas.media import MediaEvent
from schemas.node import NodeEvent
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.session import Session
from schemas.speech import SpeechEvent
from schemas.topic import Cleanup, Topic

REGISTRATIONS = Topic(
    name="rollcall.registrations",
    title="Registrars' events about bindings, and their snapshots",
    key="AOR (node on marks of a node's snapshot, which are in every partition)",
    model=RegistrationEvent,
    type="rollcall.registration",
    writers=("producers",),
    readers=("streams", "sinks/clickhouse"),
)
CONNECTIONS = Topic(
    name="rollcall.connections",
    title="Events of the connections clients register over",
    key="connection id (node and peer address)",
    model=ConnectionEvent,
    type="rollcall.connection",
    writers=("producers",),
    readers=("streams", "sinks/clickhouse"),
)
CALLS = Topic(
    name="rollcall.calls",
    title="Events of the legs of calls",
    key="AOR of the leg's user (leg id where it has none)",
    model=CallEvent,
    type="rollcall.call",
    writers=("producers",),
    readers=("streams", "calls", "sinks/clickhouse"),
)
NODES = Topic(
    name="rollcall.nodes",
    title="Heartbeats and state changes of SIP nodes",
    key="node",
    model=NodeEvent,
    type="rollcall.node",
    writers=("producers",),
    readers=("streams", "sinks/clickhouse"),
)
MEDIA = Topic(
    name="rollcall.media",
    title="Media proxies' events of calls: quality, media timeouts, DTMF",
    key="SIP Call-ID",
    model=MediaEvent,
    type="rollcall.media",
    writers=("producers",),
    readers=("streams", "calls", "sinks/clickhouse"),
)
SPEECH = Topic(
    name="rollcall.speech",
    title="Speech recognisers and synthesisers in calls",
    key="AOR of the leg's user (leg id where it has none)",
    model=SpeechEvent,
    type="rollcall.speech",
    writers=("producers",),
    readers=("calls", "sinks/clickhouse"),
)
CALL_RECORDS = Topic(
    name="rollcall.call-records",
    title="Calls, each with all its legs, media and speech",
    key="call id",
    model=CallRecord,
    type="rollcall.call-record",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("calls",),
    readers=("calls", "sinks/clickhouse", "operators"),
    key_field="id",
)
SESSIONS = Topic(
    name="rollcall.sessions",
    title="Everything known of each user (the session table's changelog)",
    key="AOR",
    model=Session,
    type="rollcall.session",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("streams",),
    readers=("streams",),
)
PRESENCE = Topic(
    name="rollcall.presence",
    title="Who is reachable, where and why",
    key="AOR",
    model=Presence,
    type="rollcall.presence",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("streams",),
    readers=("calls", "sinks", "subscribers"),
    key_field="aor",
)
# Of a tombstone of PRESENCE: the user is forgotten.
FORGOTTEN_TYPE = f"{PRESENCE.type}.forgotten"
DIAL_COMMANDS = Topic(
    name="rollcall.dial-commands",
    title="Calls to make, with the extension in clear",
    key="idempotency key",
    model=DialCommand,
    type="rollcall.dial-command",
    retention=timedelta(hours=1),
    writers=("cli", "sinks/gateway"),
    readers=("dialling",),
)
DIAL_RESULTS = Topic(
    name="rollcall.dial-results",
    title="How far each dialled call has come",
    key="idempotency key",
    model=DialResult,
    type="rollcall.dial-result",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("dialling",),
    readers=("dialling", "cli", "sinks/gateway", "sinks/clickhouse"),
    key_field="key",
)
FORGET_COMMANDS = Topic(
    name="rollcall.forget-commands",
    title="Users to forget",
    key="AOR",
    model=ForgetCommand,
    type="rollcall.forget-command",
    retention=timedelta(days=1),
    writers=("cli",),
    readers=("streams",),
)
DEAD_LETTERS = Topic(
    name="rollcall.dead-letters",
    title="Input that could not be used, with the reason",
    key="origin",
    model=DeadLetter,
    type="rollcall.dead-letter",
    retention=timedelta(days=30),
    writers=("producers", "streams", "sinks"),
    readers=("operators",),
)
CONNECTION_OWNERS = Topic(
    name="rollcall.connection-owners",
    title="Which binding depends on which connection",
    key="connection id",
    model=ConnectionOwner,
    type="rollcall.connection-owner",
    retention=timedelta(days=1),
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
CONNECTION_LOSSES = Topic(
    name="rollcall.connection-losses",
    title="Which user lost the connection of a binding",
    key="AOR",
    model=ConnectionLoss,
    type="rollcall.connection-loss",
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
CALL_OWNERS = Topic(
    name="rollcall.call-owners",
    title="Which users' legs belong to which call",
    key="SIP Call-ID",
    model=CallOwner,
    type="rollcall.call-owner",
    retention=timedelta(days=1),
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
MEDIA_UPDATES = Topic(
    name="rollcall.media-updates",
    title="Media quality of the call of a user's leg",
    key="AOR",
    model=MediaUpdate,
    type="rollcall.media-update",
    retention=timedelta(days=1),
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
NODE_CHANGES = Topic(
    name="rollcall.node-changes",
    title="Changes of nodes' state, one copy to every partition",
    key="node",
    model=NodeChange,
    type="rollcall.node-change",
    retention=timedelta(days=1),
    writers=("streams",),
    readers=("streams",),
    internal=True,
)

CONNECTION_STATE = Topic(
    name="rollcall.connection-state",
    title="The connection table's changelog",
    key="connection id",
    model=ConnectionState,
    type="rollcall.connection-state",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
MEDIA_STATE = Topic(
    name="rollcall.media-state",
    title="The media table's changelog",
    key="SIP Call-ID",
    model=MediaState,
    type="rollcall.media-state",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("streams",),
    readers=("streams",),
    internal=True,
)
NODE_STATE = Topic(
    name="rollcall.node-state",
    title="The node table's changelog, one copy in every partition",
    key="node",
    model=NodeState,
    type="rollcall.node-state",
    cleanup=Cleanup.COMPACT,
    retention=None,
    writers=("streams",),
    readers=("streams", "calls", "sinks/gateway"),
    internal=True,
)

ALL = (
    REGISTRATIONS,
    CONNECTIONS,
    CALLS,
    NODES,
    MEDIA,
    SPEECH,
    CALL_RECORDS,
    SESSIONS,
    PRESENCE,
    DIAL_COMMANDS,
    DIAL_RESULTS,
    FORGET_COMMANDS,
    DEAD_LETTERS,
    CONNECTION_OWNERS,
    CONNECTION_LOSSES,
    CALL_OWNERS,
    MEDIA_UPDATES,
    NODE_CHANGES,
    CONNECTION_STATE,
    MEDIA_STATE,
    NODE_STATE,
)
