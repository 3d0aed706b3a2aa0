"""The job itself, on plain dicts, for the peers written in Python."""

from typing import Any

Json = dict[str, Any]


def fold(state: Json | None, event: Json) -> tuple[Json | None, Json | None]:
    """Fold one event: (new state, or None where a newer one is known; presence, if it changed)."""
    if state is not None and event["seq"] <= state["seq"]:
        return None, None
    online = event["kind"] != "unregistered"
    was_online = state is not None and state["online"]
    binding = _binding(event, state) if online else None
    new: Json = {
        "seq": event["seq"],
        "online": online,
        "version": state["version"] if state else 0,
        "event": event["id"],
        "boot": event["boot"],
        "call_id": event["call_id"],
        "cseq": event["cseq"],
        "expires_at": event["expires_at"],
        "at": event["at"],
        "binding": binding,
    }
    if online == was_online:
        return new, None
    new["version"] += 1
    return new, {
        "aor": event["aor"],
        "version": new["version"],
        "status": "online" if online else "offline",
        "reachable": online,
        "cause": "registered" if online else "unregistered",
        "at": event["at"],
        "bindings": [binding] if binding else [],
        "calls": [],
        "evidence": [event["id"]],
    }


def _binding(event: Json, state: Json | None) -> Json:
    known = state["binding"] if state else None
    return {
        "node": event["node"],
        "contact": event["contact"],
        "transport": event["transport"],
        "remote": event["remote"],
        "registrar": event["registrar"],
        "user_agent": event["user_agent"],
        "since": known["since"] if known else event["at"],
    }
