"""Records of every topic the ClickHouse sink reads, for its tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.call import CallEvent
from schemas.call_record import CallMedia, CallRecord
from schemas.codec import build, encode
from schemas.connection import ConnectionEvent
from schemas.dead_letter import DeadLetter
from schemas.dialling import DialResult, DialStep
from schemas.media import MediaEvent
from schemas.node import NodeEvent
from schemas.origin import Address
from schemas.presence import Presence, PresenceBinding, PresenceCall
from schemas.registration import RegistrationEvent
from schemas.speech import SpeechEvent
from schemas.vocabulary import (
    CallKind,
    CallState,
    Cause,
    ConnectionKind,
    DialOutcome,
    DialState,
    DialStepKind,
    Direction,
    HungUpBy,
    MediaKind,
    NodeKind,
    RegistrationKind,
    Source,
    SpeechKind,
    SpeechResource,
    Status,
    Transport,
)

AT = datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)


def _origin(number: int) -> dict[str, Any]:
    return {
        "id": f"node-1/boot-1/{number}",
        "source": Source.FREESWITCH,
        "node": "node-1",
        "boot": "boot-1",
        "seq": number,
        "at": AT + timedelta(milliseconds=number),
    }


def registration(number: int = 1, **fields: Any) -> RegistrationEvent:
    user = f"sip:user{number % 1000}@example.org"
    defaults: dict[str, Any] = {
        **_origin(number),
        "kind": RegistrationKind.REGISTERED,
        "aor": user,
        "contact": f"{user};transport=tcp",
        "binding": user,
        "call_id": f"call-{number}",
        "cseq": 7,
        "expires_at": AT + timedelta(hours=1),
        "transport": Transport.TCP,
        "remote": Address(ip="192.0.2.7", port=40001),
        "cookie": 2**63 + number,
        "registrar": "internal",
        "user_agent": "baresip v3",
        "status_code": 200,
    }
    return build(RegistrationEvent, **{**defaults, **fields})


def connection(number: int = 1, **fields: Any) -> ConnectionEvent:
    defaults: dict[str, Any] = {
        **_origin(number),
        "kind": ConnectionKind.RESET,
        "connection": "node-1/192.0.2.7:40001",
        "transport": Transport.TLS,
        "remote": Address(ip="192.0.2.7", port=40001),
        "local": Address(ip="2001:db8::1", port=5061),
        "cookie": 99,
        "reason": "ECONNRESET",
    }
    return build(ConnectionEvent, **{**defaults, **fields})


def call(number: int = 1, **fields: Any) -> CallEvent:
    defaults: dict[str, Any] = {
        **_origin(number),
        "kind": CallKind.ENDED,
        "aor": "sip:alice@example.org",
        "leg": "leg-1",
        "call": "call-1",
        "sip_call_id": "x@y",
        "direction": Direction.OUTGOING,
        "peer": 'sip:"böb" \\ \n\t\0@example.org',
        "other_leg": "leg-2",
        "cause": "NORMAL_CLEARING",
        "status_code": 200,
        "duration_ms": 65_000,
    }
    return build(CallEvent, **{**defaults, **fields})


def node(number: int = 1, **fields: Any) -> NodeEvent:
    defaults: dict[str, Any] = {
        **_origin(number),
        "kind": NodeKind.UP,
        "version": "1.10.12",
        "uptime_seconds": 12.5,
    }
    return build(NodeEvent, **{**defaults, **fields})


def speech(number: int = 1, **fields: Any) -> SpeechEvent:
    defaults: dict[str, Any] = {
        **_origin(number),
        "kind": SpeechKind.ENDED,
        "session": "node-1/boot-1/7",
        "resource": SpeechResource.RECOGNISER,
        "aor": "sip:alice@example.org",
        "leg": "leg-1",
        "call": "leg-1",
        "engine": "unimrcp",
        "server": "mrcp-1",
        "started_at": AT,
        "input_started_at": AT,
        "result_at": AT,
        "results": 1,
        "ended_at": AT,
        "cause": "success",
        "latency": 0.48,
    }
    return build(SpeechEvent, **{**defaults, **fields})


def call_record(number: int = 1, **fields: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "id": f"call-{number}",
        "version": 1,
        "call_id": "a@phone",
        "call": "leg-1",
        "node": "node-1",
        "nodes": ["node-1", "edge"],
        "users": ["sip:alice@example.org", "sip:bob@example.org"],
        "caller": "sip:alice@example.org",
        "callee": "sip:bob@example.org",
        "state": CallState.ENDED,
        "started": AT,
        "answered": AT,
        "ended": AT,
        "cause": "NORMAL_CLEARING",
        "status_code": 200,
        "hung_up_by": HungUpBy.CALLER,
        "media": [
            CallMedia(node="rtpe-1", call_id="a@phone", at=AT, mos=4.1, loss_percent=0.5),
            CallMedia(node="rtpe-1", call_id="b@switch", at=AT, mos=3.2, timed_out=True),
        ],
    }
    return CallRecord(**{**defaults, **fields})


def media(number: int = 1, **fields: Any) -> MediaEvent:
    caller = {
        "tag": "a1f0c2",
        "index": 1,
        "type": "audio",
        "codec": "PCMU/8000",
        "ssrc": 2**32 - 1,
        "packets": 719,
        "bytes": 123_668,
        "errors": 1,
        "last_packet_at": AT,
        "heard_lost": 28,
        "heard_loss_percent": 3.0,
        "heard_jitter_ms": 10.0,
        "heard_mos": 4.1,
        "heard_mos_lowest": 4.0,
        "round_trip_ms": 1.523,
        "heard_reports": 6,
    }
    callee = {"tag": "b", "index": 1, "type": "audio", "packets": 0, "bytes": 0, "errors": 0}
    defaults: dict[str, Any] = {
        **_origin(number),
        "source": Source.RTPENGINE,
        "kind": MediaKind.TIMED_OUT,
        "call_id": "x@y",
        "tags": ["a1f0c2", "b"],
        "streams": [caller, callee],
        "created_at": AT,
        "last_packet_at": AT,
        "reason": "timeout",
    }
    return build(MediaEvent, **{**defaults, **fields})


def presence(version: int = 1, aor: str = "sip:alice@example.org", **fields: Any) -> Presence:
    defaults: dict[str, Any] = {
        "aor": aor,
        "version": version,
        "status": Status.ON_THE_PHONE,
        "reachable": True,
        "cause": Cause.CALL_ANSWERED,
        "at": AT + timedelta(seconds=version),
        "bindings": [
            PresenceBinding(
                node="node-1",
                contact="sip:alice@192.0.2.7:40001",
                transport=Transport.WSS,
                remote=Address(ip="192.0.2.7", port=40001),
                user_agent='Jitsi "desk"',
                since=AT,
            ),
            PresenceBinding(node="node-2", contact="sip:alice@192.0.2.8", since=AT),
        ],
        "calls": [
            PresenceCall(
                node="node-1", leg="leg-1", call="call-1", state=CallState.ANSWERED, since=AT
            )
        ],
        "evidence": ["node-1/boot-1/1", "node-1/boot-1/2"],
    }
    return build(Presence, **{**defaults, **fields})


def dial_result(key: str = "order-1", seconds: float = 12.5, **fields: Any) -> DialResult:
    """A connected call whose last step was so long after its start."""
    defaults: dict[str, Any] = {
        "key": key,
        "call": f"call-{key}",
        "client": "cli:operator",
        "at": fields.get("asked_at", AT) + timedelta(seconds=seconds),
        "asked_at": AT,
        "state": DialState.ENDED,
        "outcome": DialOutcome.CONNECTED,
        "gateway": "trunk",
        "number": "+4930801",
        "node": "node-1",
        "digits": 3,
        "digits_sent": 3,
        "digits_confirmed": 3,
        "attempts": 1,
        "timeline": [
            DialStep(after_ms=0, kind=DialStepKind.CALLED),
            DialStep(after_ms=round(seconds * 1000), kind=DialStepKind.SPEECH_ENDED),
        ],
    }
    return DialResult(**{**defaults, **fields})


def dead_letter(**fields: Any) -> DeadLetter:
    defaults: dict[str, Any] = {
        "at": AT,
        "source": "freeswitch/node-1",
        "reason": "not JSON",
        "payload": "eyJ4",
        "size": 3,
    }
    return build(DeadLetter, **{**defaults, **fields})


def value(record: Any) -> bytes:
    return bytes(encode(record))
