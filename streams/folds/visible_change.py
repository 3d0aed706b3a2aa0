"""The result on what changed in a session and may not show: presence before and after decides.

Pure. For rules that mark a binding, or end something beside it, rather than begin or end one.
"""

from streams.folds import devices
from streams.folds.outcome import Change, FoldResult
from streams.models import PresenceBinding, Session


def changed_from(before: list[PresenceBinding], session: Session, change: Change) -> FoldResult:
    """`change` is published if what is shown of the bindings is no longer `before`."""
    result = FoldResult(changed=True)
    if before != devices.shown(session):
        result.change = change
    return result
