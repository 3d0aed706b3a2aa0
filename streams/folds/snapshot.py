"""Session fold, ends of snapshots: what a complete listing did not show has ended.

Pure. All marks and rows of one snapshot have the place (boot, seq, at) of its beginning.
"""

from schemas.vocabulary import Cause
from streams.folds.call import end_leg
from streams.folds.ordering import LISTING_LAG
from streams.folds.outcome import FoldResult, merged
from streams.folds.replaced_bindings import end_replaced, end_unlisted
from streams.models import Binding, CallEvent, RegistrationEvent, Session


def fold_registrations_listed(session: Session, end: RegistrationEvent) -> FoldResult:
    """End the node's bindings that a complete snapshot of it did not list.

    A mark with a `registrar` is about that registrar only. A listed binding has been confirmed by
    its row. A binding that was confirmed since shortly before the snapshot began is left for the
    next one: the listing may be of before it. A mark with `remaining` is exact
    (streams/folds/replaced_bindings.py).
    """
    if end.remaining is not None:
        return end_replaced(session, end)
    return merged(
        _unlisted(session, key, binding, end)
        for key, binding in list(session.bindings.items())
        if binding.node == end.node
        and (end.registrar is None or binding.registrar in (None, end.registrar))
        and binding.confirmed_at + LISTING_LAG < end.at
    )


def _unlisted(session: Session, key: str, binding: Binding, end: RegistrationEvent) -> FoldResult:
    """End the binding, unless the registrar before may hold it: then that one's listing decides.

    FreeSWITCH's profiles may share a table, where a REGISTER over another profile updates the row
    and leaves the profile's name (`update sip_registrations` in sofia_reg.c).
    """
    if end.registrar is None or binding.moved_from in (None, end.registrar):
        return end_unlisted(session, key, end)
    binding.registrar, binding.moved_from = binding.moved_from, None
    return FoldResult(changed=True)


def fold_calls_listed(session: Session, end: CallEvent) -> FoldResult:
    """End the node's legs that a complete listing of its channels did not show."""
    return merged(
        end_leg(session, leg_id, end, Cause.MISSING_FROM_SNAPSHOT)
        for leg_id, leg in list(session.calls.items())
        if leg.node == end.node
        and (leg.listed_at is None or leg.listed_at < end.at)
        and leg.since + LISTING_LAG < end.at
    )
