"""Which call an event belongs to: identifiers that the legs of one call share. Pure.

A call is what hangs together by node and leg id, the call id of a leg, the leg that it is bridged
to, the SIP Call-ID, and the correlation that the servers' scripts hand on.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from calls.fold.call import Call, Identifier
from schemas.call import CallEvent
from schemas.call_record import CallLeg

# After a call has ended another one may have its Call-ID: only what comes within Timer B, 64*T1
# (RFC 3261 §17.1.1.2), belongs to it: a new attempt after a challenge, a late view of another node.
REUSED_AFTER = timedelta(seconds=32)
# More is no call but a place where many meet: an agent's standing leg, a loop.
MAX_LEGS = 256


def leg_identifier(node: str, leg: str) -> Identifier:
    return "leg", node, leg


def dialog_identifier(call_id: str) -> Identifier:
    return "sip", "", call_id


def event_identifiers(event: CallEvent) -> Iterator[Identifier]:
    """What an event of a leg names of its call, the leg itself first."""
    names = (event.leg, event.call, event.other_leg)
    for name in dict.fromkeys(name for name in names if name):
        yield leg_identifier(event.node, name)
    yield from _sip(event.sip_call_id, event.correlation)


def leg_identifiers(leg: CallLeg) -> Iterator[Identifier]:
    """The same of what is known of a leg."""
    yield from placed_identifiers(leg)
    for name in dict.fromkeys(bridge.leg for bridge in leg.bridges):
        yield leg_identifier(leg.node, name)


def placed_identifiers(leg: CallLeg) -> Iterator[Identifier]:
    """Those that a leg has from its beginning: without the legs it was bridged to."""
    names = (leg.leg, leg.call, leg.twin)
    for name in dict.fromkeys(name for name in names if name):
        yield leg_identifier(leg.node, name)
    yield from _sip(leg.sip_call_id, leg.correlation)


def _sip(call_id: str | None, correlation: str | None) -> Iterator[Identifier]:
    if call_id:
        yield dialog_identifier(call_id)
    if correlation:
        yield "correlation", "", correlation


class Index:
    """Calls by identifier: those of a node are unique in it, those of SIP are chosen by callers."""

    def __init__(self) -> None:
        self._calls: dict[Identifier, Call] = {}
        self._nodes: dict[str, str | None] = {}  # of each leg; None: two nodes have one of its name

    def __len__(self) -> int:
        return len(self._calls)

    def find(self, identifier: Identifier) -> Call | None:
        return self._calls.get(identifier)

    def find_leg(self, leg: str) -> Call | None:
        """The call of a leg whose node is not known; None where two nodes have one of its name."""
        node = self._nodes.get(leg)
        return self.find(leg_identifier(node, leg)) if node is not None else None

    def matching(self, event: CallEvent) -> list[Call]:
        """The calls that the event belongs to, that of its leg first."""
        found: list[Call] = []
        for identifier in event_identifiers(event):
            call = self._calls.get(identifier)
            if call is None or call in found:
                continue
            if identifier[0] == "leg" or not _is_past(call, event.at):
                found.append(call)
        return found

    def add(self, call: Call, identifiers: Iterable[Identifier]) -> None:
        for identifier in identifiers:
            self._calls[identifier] = call
            call.identifiers.add(identifier)
            kind, node, name = identifier
            if kind == "leg":
                known = self._nodes.setdefault(name, node)
                self._nodes[name] = node if known == node else None

    def remove(self, call: Call) -> None:
        for identifier in call.identifiers:
            if self._calls.get(identifier) is call:
                del self._calls[identifier]
                if identifier[0] == "leg":
                    self._nodes.pop(identifier[2], None)


def _is_past(call: Call, at: datetime) -> bool:
    """Whether the call had ended so long before that its SIP Call-ID is another call's now."""
    ended = call.ended
    return ended is not None and at > ended + REUSED_AFTER
