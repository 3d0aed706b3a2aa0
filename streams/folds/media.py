"""Media fold: the parties of a call, joined with a media proxy's figures, in either order.

Pure. Legs and figures have the SIP Call-ID as key. The worst figure of a call's streams counts.
"""

from collections.abc import Callable, Iterable

from schemas.fences import Fence
from schemas.vocabulary import Cause, MediaKind
from streams.folds.outcome import Change, FoldResult, rejected
from streams.models import (
    CallOwner,
    CallParty,
    LegMedia,
    MediaEvent,
    MediaState,
    MediaUpdate,
    Session,
)

# Users of one dialog: the two ends, and registrars before one another.
MAX_PARTIES = 16


def fold_call_owner(state: MediaState, owner: CallOwner) -> list[MediaUpdate]:
    """Add a user's leg of this call; returns the last figures for it, if there are any."""
    party = CallParty(aor=owner.aor, leg=owner.leg)
    if party not in state.parties:
        state.parties = [*state.parties, party][-MAX_PARTIES:]
    if state.last is None:
        return []
    return [_update(owner, owner.call_id, party, state.last, state.last.event)]


def fold_media(state: MediaState, event: MediaEvent) -> list[MediaUpdate]:
    """Store a measurement; returns an update for each party's leg."""
    if event.kind is MediaKind.DTMF:
        return []
    if state.last is not None and event.at < state.last.at:
        return []
    state.last = LegMedia(
        at=event.at,
        mos=_worst(min, (stream.heard_mos for stream in event.streams)),
        loss_percent=_worst(max, (stream.heard_loss_percent for stream in event.streams)),
        jitter_ms=_worst(max, (stream.heard_jitter_ms for stream in event.streams)),
        round_trip_ms=_worst(max, (stream.round_trip_ms for stream in event.streams)),
        timed_out=event.kind is MediaKind.TIMED_OUT,
        event=event.id,
    )
    last = state.last
    return [_update(event, event.call_id, party, last, event.id) for party in state.parties]


def fold_update(session: Session, update: MediaUpdate) -> FoldResult:
    """Give the leg its call's figures; only the loss and the return of media are shown."""
    leg = session.calls.get(update.leg)
    if leg is None:
        return rejected(Fence.NO_SUCH_LEG)
    if leg.media is not None and update.media.at < leg.media.at:
        return rejected(Fence.OLDER_THAN_LEG)
    was_lost = leg.media is not None and leg.media.timed_out
    leg.media = update.media
    if update.media.timed_out == was_lost:
        return FoldResult(changed=True)
    cause = Cause.MEDIA_RESTORED if was_lost else Cause.MEDIA_LOST
    change = Change(cause, update.media.at, [update.media.event, leg.event])
    return FoldResult(changed=True, change=change)


def _worst(
    which: Callable[[Iterable[float]], float], figures: Iterable[float | None]
) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return which(known) if known else None


def _update(
    about: CallOwner | MediaEvent, call_id: str, party: CallParty, media: LegMedia, id_: str
) -> MediaUpdate:
    return MediaUpdate(
        id=id_,
        source=about.source,
        node=about.node,
        boot=about.boot,
        seq=about.seq,
        at=media.at,
        call_id=call_id,
        aor=party.aor,
        leg=party.leg,
        media=media,
    )
