"""Calls as the board shows them: those that are live now, and the last ones of one user (pure)."""

from itertools import islice
from typing import Any

from msgspec import json

from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.calls.known import KnownCalls, places_of
from sinks.gateway.calls.stored import StoredCall

# Live calls a summary lists, and calls an explanation has.
MOST_OPEN = 50
LAST_CALLS = 10
# What a page has of a user's last calls.
Stamp = tuple[tuple[str, int], ...]


def calls_json(calls: KnownCalls, scope: Scope) -> dict[str, Any]:
    """How many are live and at risk, and the newest ones; those at risk come first.

    Times are seconds since the epoch. `read` is false until the calls are read after a start.
    """
    live = list(calls.listed(places_of(scope), (True,)))
    at_risk = [call for call in live if call.at_risk]
    others = (call for call in live if not call.at_risk)
    shown = [*at_risk[:MOST_OPEN], *islice(others, max(0, MOST_OPEN - len(at_risk)))]
    return {
        "read": calls.is_read,
        "open": len(live),
        "at_risk": len(at_risk),
        "list": [_line(call, scope) for call in shown],
    }


def last_calls(calls: KnownCalls, aor: str, scope: Scope) -> list[dict[str, Any]]:
    """The records of a user's last calls, without what the viewer may not see."""
    return [scope.redact_call(json.decode(call.value)) for call in _of(calls, aor)]


def stamp_of(calls: KnownCalls, aor: str) -> Stamp:
    """Another one where `last_calls` has changed."""
    return tuple((call.id, call.version) for call in _of(calls, aor))


def _of(calls: KnownCalls, aor: str) -> "islice[StoredCall]":
    return islice(calls.listed([aor]), LAST_CALLS)


def _line(call: StoredCall, scope: Scope) -> dict[str, Any]:
    def party(name: str | None) -> str | None:
        """Whom the viewer may see; None: somebody else. A number is no user of a scope."""
        is_own = name in call.users and scope.allows(name or "")
        return name if is_own or scope.grants(Part.PEER) else None

    return {
        "id": call.id,
        "calling": party(call.calling),
        "called": party(call.called),
        "state": call.state,
        "started": call.started,
        "answered": call.answered,
        "at_risk": call.at_risk,
        "nodes": call.nodes,
    }
