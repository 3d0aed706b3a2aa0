"""Call records without what a client may not see: other users, numbers, addresses (pure).

Who takes part in a call is shown where the scope has that user; everybody else, and every number
that is dialled or dials, is the other party, `peer` in presence. As in redaction.py what is shown
is listed.
"""

from collections.abc import Callable
from typing import Any

from sinks.gateway.access.redaction import ALL_PARTS, Fields, Part

# Every field of schemas.call_record, by model; None: it is always shown. A SIP Call-ID often ends
# with the address of its client, and servers often hand one on as the correlation.
RECORD_FIELDS: Fields = {
    **dict.fromkeys(
        (
            *("id", "version", "merged_into", "call", "node", "nodes", "users", "joined", "caller"),
            *("callee", "state", "started", "ringing", "early", "answered", "ended", "cause"),
            *("status_code", "hung_up_by", "at_risk", "holds", "forks", "transfers", "pick_up"),
            *("digits", "media", "legs", "speech"),
        )
    ),
    "call_id": Part.ADDRESS,
    "dialled": Part.PEER,
}
LEG_FIELDS: Fields = {
    **dict.fromkeys(
        (
            *("node", "leg", "boot", "call", "seq", "aor", "direction", "twin", "state", "started"),
            *("ringing", "early", "answered", "ended", "presumed", "cause", "status_code"),
            *(
                "ended_by",
                "hung_up_by",
                "holds",
                "bridges",
                "transfers",
                "digits",
                "digit_seqs",
                "at_risk",
            ),
            *("listed", "listed_at", "latest", "event"),
        )
    ),
    "sip_call_id": Part.ADDRESS,
    "correlation": Part.ADDRESS,
    "peer": Part.PEER,
}
TRANSFER_FIELDS: Fields = {**dict.fromkeys(("at", "kind", "leg", "by")), "target": Part.PEER}
PICK_UP_FIELDS: Fields = dict.fromkeys(("at", "by", "rang"))
MEDIA_FIELDS: Fields = {
    **dict.fromkeys(
        (
            *("node", "at", "mos", "loss_percent", "jitter_ms", "round_trip_ms", "timed_out"),
            *("digits", "digit_seqs"),
        )
    ),
    "call_id": Part.ADDRESS,
}
SPEECH_FIELDS: Fields = dict.fromkeys(
    (
        *("session", "source", "node", "leg", "kind", "aor", "engine", "server", "channel"),
        *("started", "input_started", "result", "results", "ended", "cause", "latency", "seq"),
        "requests",
    )
)
REQUEST_FIELDS: Fields = dict.fromkeys(
    (
        *("session", "node", "channel", "started", "input_started", "result", "ended"),
        *("cause", "latency", "seq"),
    )
)
_NESTED = {
    "legs": LEG_FIELDS,
    "transfers": TRANSFER_FIELDS,
    "pick_up": PICK_UP_FIELDS,
    "media": MEDIA_FIELDS,
    "speech": SPEECH_FIELDS,
    "requests": REQUEST_FIELDS,
}
# Each names a user, in whatever model.
_USER = frozenset({"caller", "callee", "aor", "by", "rang"})
_USERS = frozenset({"users", "joined"})
_Allows = Callable[[str], bool]


def redacted_call(
    record: dict[str, Any], granted: frozenset[Part], allows: _Allows
) -> dict[str, Any]:
    """A copy of a call record (as JSON) with what is always shown or granted; `allows` returns
    whether a user is in the scope."""
    if granted == ALL_PARTS:
        return record
    return _shown(record, RECORD_FIELDS, granted, allows)


def _shown(
    value: dict[str, Any], fields: Fields, granted: frozenset[Part], allows: _Allows
) -> dict[str, Any]:
    shows_all = Part.PEER in granted
    shown: dict[str, Any] = {}
    for name, one in value.items():
        if name not in fields or ((part := fields[name]) is not None and part not in granted):
            continue
        if name in _USER and one is not None and not (shows_all or allows(one)):
            continue
        if name in _USERS:
            shown[name] = [aor for aor in one if shows_all or allows(aor)]
        elif (inner := _NESTED.get(name)) is None:
            shown[name] = one
        elif isinstance(one, list):
            shown[name] = [_shown(each, inner, granted, allows) for each in one]
        else:
            shown[name] = None if one is None else _shown(one, inner, granted, allows)
    return shown
