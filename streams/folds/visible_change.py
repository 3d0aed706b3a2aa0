"""Visible changes: whether a change of the session is published, by presence before and after it.

Pure. For rules that mark a binding, or end something beside it, rather than begin or end one.
"""

from schemas.fences import Fence
from streams.folds import devices
from streams.folds.outcome import Change, FoldResult
from streams.models import PresenceBinding, Session


def changed_from(
    before: list[PresenceBinding], session: Session, change: Change, *, fence: Fence | None = None
) -> FoldResult:
    """`change` is published if the shown bindings are no longer `before`. `fence`: by which rule
    the event itself changed nothing."""
    result = FoldResult(changed=True, fence=fence)
    if before != devices.shown(session):
        result.change = change
    return result
