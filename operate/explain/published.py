"""Compares the published presence record with the folded log → sentences. Pure."""

from collections.abc import Iterator

from schemas.vocabulary import Status
from streams.models import Presence


def differences(shown: Presence, folded: Presence | None) -> Iterator[str]:
    """How the published record differs from the folded log.

    The time of the change is not compared: a log that was cut off cannot know it.
    """
    status = folded.status if folded else Status.OFFLINE
    reachable = folded.reachable if folded else False
    if shown.status is not status:
        yield f"the record has status {shown.status}, the log {status}"
    if shown.reachable != reachable:
        yield f"the user is {_reach(shown.reachable)} in the record, {_reach(reachable)} in the log"
    published = {(b.node, b.contact): b for b in shown.bindings}
    known = {(b.node, b.contact): b for b in folded.bindings} if folded else {}
    for node, contact in sorted(published.keys() - known.keys()):
        yield f"only the record has a binding on {node}: {contact}"
    for node, contact in sorted(known.keys() - published.keys()):
        yield f"only the log has a binding on {node}: {contact}"
    for place in sorted(published.keys() & known.keys()):
        for name in ("transport", "remote", "edge", "path", "suspect", "stale"):
            if getattr(known[place], name) != getattr(published[place], name):
                yield f"record and log differ in the {name} of the binding on {place[0]}"
    legs = {call.leg: call.state for call in shown.calls}
    if legs != ({call.leg: call.state for call in folded.calls} if folded else {}):
        yield "record and log have different calls"


def _reach(reachable: bool) -> str:
    return "reachable" if reachable else "not reachable"
