"""The verdict on what changed in a session and may not show: presence before and after decides.

Pure. For rules that mark a binding, or end something beside it, rather than begin or end one.
"""

from streams import devices
from streams.state import PresenceBinding, Session
from streams.verdict import Change, Verdict


def changed_from(before: list[PresenceBinding], session: Session, change: Change) -> Verdict:
    """`change` is published if what is shown of the bindings is no longer `before`."""
    verdict = Verdict(changed=True)
    if before != devices.shown(session):
        verdict.change = change
    return verdict
