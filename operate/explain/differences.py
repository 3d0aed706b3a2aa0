"""What one event changed: the session before and after it → effects, in the order they are shown.

Pure. The folds have decided; this only compares.
"""

from collections.abc import Iterator

from operate.explain.events import Effect, What
from operate.explain.layout import connection
from schemas.vocabulary import CallState
from streams.models import Binding, EndedBinding, Leg, Session

FLAGS = (
    *("ping_lost", "edge_lost", "registrar_lost", "node_lost"),
    *("suspect", "edge_uncertain", "stale"),
)


def differences(before: Session, after: Session) -> list[Effect]:
    """All changes; a mere confirmation is none."""
    return [*_ends(before, after), *_bindings(before, after), *_calls(before, after)]


def flags(binding: Binding) -> list[str]:
    """The marks of a binding that is kept: `ping-lost`, `edge-lost`, ..."""
    return [flag.replace("_", "-") for flag in FLAGS if getattr(binding, flag)]


def _ends(before: Session, after: Session) -> Iterator[Effect]:
    for key, binding in before.bindings.items():
        if key not in after.bindings:
            tombstone = after.ended.get(key)
            yield _end(What.ENDED, key, tombstone, connection(binding.transport, binding.remote))
    for key, tombstone in after.ended.items():
        old = before.ended.get(key)
        if old is None and key not in before.bindings:
            yield _end(What.REMEMBERED, key, tombstone, None)
        elif old is not None and old.inferred and not tombstone.inferred:
            yield _end(What.CERTAIN, key, tombstone, None)


def _end(what: What, key: str, tombstone: EndedBinding | None, place: str | None) -> Effect:
    cause = tombstone.cause.value if tombstone else None
    return Effect(what=what, subject=key, detail=cause, where=place)


def _bindings(before: Session, after: Session) -> Iterator[Effect]:
    for key, new in after.bindings.items():
        old = before.bindings.get(key)
        if old is None:
            yield Effect(what=What.OPENED, subject=key, where=connection(new.transport, new.remote))
        elif (old.remote, old.cookie) != (new.remote, new.cookie):
            yield Effect(what=What.MOVED, subject=key, where=connection(new.transport, new.remote))
        was = set(flags(old)) if old else set()
        for flag in flags(new):
            if flag not in was:
                yield Effect(what=What.FLAGGED, subject=key, detail=flag)
        for flag in sorted(was.difference(flags(new))):
            yield Effect(what=What.CLEARED, subject=key, detail=flag)


def _calls(before: Session, after: Session) -> Iterator[Effect]:
    for leg_id in before.calls:
        if leg_id not in after.calls:
            yield Effect(what=What.CALL_ENDED, subject=leg_id)
    for leg_id, new in after.calls.items():
        old = before.calls.get(leg_id)
        if old is None or old.state is not new.state:
            yield Effect(what=What.CALL, subject=leg_id, detail=_detail(new), where=_who(new))
        if old is not None and old.node_lost != new.node_lost:
            what = What.CALL_LOST if new.node_lost else What.CALL_BACK
            yield Effect(what=what, subject=leg_id)
        if _media_lost(old) != _media_lost(new):
            what = What.MEDIA_LOST if _media_lost(new) else What.MEDIA_BACK
            yield Effect(what=what, subject=leg_id)


def _detail(leg: Leg) -> str:
    state: CallState = leg.state
    return state.value


def _who(leg: Leg) -> str | None:
    if leg.peer is None:
        return None
    return f"{'to' if leg.direction == 'outgoing' else 'from'} {leg.peer}"


def _media_lost(leg: Leg | None) -> bool:
    return leg is not None and leg.media is not None and leg.media.timed_out
