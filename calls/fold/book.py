"""Call book: all calls that are live or ended lately, fed with the events of all topics.

Pure: partitions, offsets and clocks are arguments. `read_*` folds one record, in whatever order the
topics are read; `records` gives what has changed since.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from calls.fold.call import Call
from calls.fold.dialog_media import fold_media, fold_speech
from calls.fold.joining import (
    MAX_LEGS,
    Index,
    dialog_identifier,
    event_identifiers,
    leg_identifier,
    leg_identifiers,
)
from calls.fold.leg import LISTING_LAG, fold_leg, new_leg, presume_end
from calls.fold.leg_pairs import begins_again, end_views, share_a_leg
from calls.fold.listings import Listing, Listings
from calls.fold.merged_calls import Merged, MergedCalls
from calls.fold.nodes import Process, recheck
from calls.fold.record_identity import call_id, digest_of, merged_record
from calls.fold.speech_sources import separate
from calls.fold.summary import summarise
from schemas.call import CallEvent
from schemas.call_record import CallLeg, CallRecord
from schemas.codec import encode
from schemas.internal import NodeState
from schemas.media import MediaEvent
from schemas.presence import Presence
from schemas.speech import SpeechEvent
from schemas.vocabulary import CallKind, CallState, Cause, Source

MISSING = "missing-from-snapshot"
END_LOST = "end-lost"
_MARKS = frozenset({CallKind.SNAPSHOT_BEGAN, CallKind.SNAPSHOT_ENDED})
_TALKING = frozenset({CallState.ANSWERED, CallState.HELD})
# Of a user in a call, whose client may be gone without having hung up.
_LOSSES = frozenset(
    {
        Cause.CONNECTION_CLOSED,
        Cause.CONNECTION_RESET,
        Cause.CONNECTION_TIMED_OUT,
        Cause.PING_LOST,
        Cause.EXPIRED,
        Cause.NODE_LOST,
        Cause.NODE_RESTARTED,
        Cause.MISSING_FROM_SNAPSHOT,
    }
)


class CallBook:
    """Belongs to one thread."""

    def __init__(self, partitions: int) -> None:
        """`partitions`: how many rollcall.calls has."""
        self.calls: dict[str, Call] = {}
        self._index = Index()
        self._listings = Listings(partitions)
        self._processes: dict[str, Process] = {}
        self._merged = MergedCalls()
        self._changed: dict[str, None] = {}

    # -- events -----------------------------------------------------------------------------------
    def read_call(self, event: CallEvent, partition: int, now: datetime) -> None:
        """A call event, of that partition of rollcall.calls."""
        if event.kind not in _MARKS and event.leg is not None:
            self._fold(event, event.leg, now)
        listing = self._listings.add(event, partition)
        if listing is not None:
            self._end_unlisted(listing, now)

    def read_media(self, event: MediaEvent, now: datetime) -> bool:
        """Figures of a dialog; whether its call is known: if not, read it again later."""
        call = self._index.find(dialog_identifier(event.call_id))
        if call is None:
            return False
        fold_media(call, event)
        self._touch(call, now)
        return True

    def read_speech(self, event: SpeechEvent, now: datetime) -> bool:
        """A speech session of a leg; whether its call is known, or none is named."""
        if event.leg == event.channel:
            return True
        if event.source is Source.MRCP:  # its node is not the leg's
            call = self._index.find_leg(event.leg)
        else:
            call = self._index.find(leg_identifier(event.node, event.leg))
        if call is None:
            return False
        fold_speech(call, event)
        self._touch(call, now)
        return True

    def read_presence(self, presence: Presence) -> bool:
        """Whether the legs of a user are at risk; whether all that are have been read.

        Who was never registered, or has unregistered, calls without a connection to lose.
        """
        all_known, is_lost = True, not presence.reachable and presence.cause in _LOSSES
        for shown in presence.calls:
            is_at_risk = shown.media_lost or is_lost
            if not is_at_risk and not presence.reachable:
                continue  # another change of a user whose client was lost before
            call = self._index.find(leg_identifier(shown.node, shown.leg))
            leg = call.legs.get((shown.node, shown.leg)) if call is not None else None
            if call is None or leg is None:
                all_known = all_known and not is_at_risk
            elif leg.ended is None and leg.at_risk is not is_at_risk:
                leg.at_risk = is_at_risk
                self._changed[call.id] = None
        return all_known

    def read_node(self, node: str, state: NodeState | None, now: datetime) -> None:
        """What the streams know of a node; None: nothing any more."""
        if state is None:
            self._processes.pop(node, None)
            return
        process = self._processes[node] = Process.of(state)
        for call in self.calls.values():
            for leg in call.legs.values():
                if leg.node == node and recheck(leg, process):
                    self._touch(call, now)

    # -- time -------------------------------------------------------------------------------------
    def end_silent(self, now: datetime, unanswered: timedelta, answered: timedelta) -> int:
        """End the calls of which nothing came for so long; returns how many."""
        count = 0
        for call in self.calls.values():
            live = [leg for leg in call.legs.values() if leg.ended is None]
            limit = answered if any(leg.state in _TALKING for leg in live) else unanswered
            if live and now - call.touched > limit:
                count += 1
                self._touch(call, now)
                for leg in live:
                    presume_end(leg, END_LOST, leg.latest)
        return count

    def forget_ended(self, now: datetime, keep: timedelta) -> list[str]:
        """Forget the calls that have ended so long ago; returns their ids and those merged.

        None whose last record was not given yet.
        """
        gone = [
            call.id
            for call in self.calls.values()
            if now - call.touched > keep and call.is_over and call.id not in self._changed
        ]
        for id_ in gone:
            self._index.remove(self.calls.pop(id_))
        return gone + self._merged.forget_before(now - keep)

    def forget_user(self, aor: str) -> list[str]:
        """Forget all calls that name a user; returns their ids and those merged into them.

        What comes of a live one afterwards makes a new call.
        """
        named = encode(aor)
        gone = {call.id for call in self.calls.values() if named in encode(summarise(call))}
        for id_ in gone:
            self._index.remove(self.calls.pop(id_))
            self._changed.pop(id_, None)
        return [*gone, *self._merged.forget_parts_of(gone)]

    # -- records ----------------------------------------------------------------------------------
    def records(self) -> Iterator[CallRecord]:
        """The records that have changed since they were given last, with a version more."""
        changed, self._changed = self._changed, {}
        for id_ in changed:
            call = self.calls.get(id_)
            if call is not None and call.legs:
                record = summarise(call)
                digest = digest_of(record)
                if digest != call.published:
                    call.version += 1
                    call.published, record.version = digest, call.version
                    yield record
        for id_, part in self._merged.due():
            survivor = self.calls.get(part.into)
            if survivor is not None:
                yield merged_record(summarise(survivor), id_, part.version)

    def restore(self, record: CallRecord, touched: datetime) -> None:
        """Take in a record that was given before; `touched`: when it was published."""
        if record.merged_into is not None:
            self._merged.restore(record.id, Merged(record.merged_into, touched, record.version))
            return
        call = Call(record.id, touched, version=record.version)
        call.legs = {(leg.node, leg.leg): leg for leg in record.legs}
        call.media = {(media.node, media.call_id): media for media in record.media}
        call.speech = {one.session: one for one in separate(record.speech)}
        call.published = digest_of(record)
        self.calls[call.id] = call
        # After a crash between the two records of a merge, both have the same legs.
        others = {o.id: o for key in call.legs if (o := self._index.find(leg_identifier(*key)))}
        others = {id_: o for id_, o in others.items() if share_a_leg(o, call)}
        for leg in call.legs.values():
            known = self._index.find(leg_identifier(leg.node, leg.leg))
            if known is None or known.started <= call.started:
                self._index.add(call, leg_identifiers(leg))
        for other in others.values():
            call = self._merge(call, other, touched)

    # -- rules ------------------------------------------------------------------------------------
    def _fold(self, event: CallEvent, leg_id: str, now: datetime) -> None:
        call = self._call_of(event, leg_id, now)
        key = event.node, leg_id
        leg = call.legs.get(key)
        if leg is None:
            leg = call.legs[key] = new_leg(event, leg_id)
        fold_leg(leg, event)
        self._index.add(call, event_identifiers(event))
        self._recheck(leg)
        end_views(call)
        self._touch(call, now)

    def _call_of(self, event: CallEvent, leg_id: str, now: datetime) -> Call:
        """The call of an event: a new one, one that is known, or several that become one."""
        key = event.node, leg_id
        found = [
            call
            for call in self._index.matching(event)
            if key in call.legs or len(call.legs) < MAX_LEGS
        ]
        if not found or begins_again(found[0].legs.get(key), event):
            call = Call(call_id(event.node, leg_id), now)
            while call.id in self.calls or call.id in self._merged:  # the leg's id is used again
                call.id = call_id(event.node, call.id)
            self.calls[call.id] = call
            return call
        call = found[0]
        for other in found[1:]:
            if len(call.legs) + len(other.legs) <= MAX_LEGS:
                call = self._merge(call, other, now)
        return call

    def _merge(self, one: Call, other: Call, now: datetime) -> Call:
        """The call that began first takes in the other one, and is returned."""
        if (other.started, other.id) < (one.started, one.id):
            one, other = other, one
        one.absorb(other)
        self._index.add(one, other.identifiers)
        del self.calls[other.id]
        self._changed.pop(other.id, None)
        self._changed[one.id] = None
        self._merged.add(other, one, now)
        return one

    def _recheck(self, leg: CallLeg) -> None:
        process = self._processes.get(leg.node)
        if process is not None:
            recheck(leg, process)

    def _end_unlisted(self, listing: Listing, now: datetime) -> None:
        """End the node's live legs that it does not list: its row would be a leg's latest event.

        One with an event from shortly before is left for the next listing.
        """
        for call in self.calls.values():
            for leg in call.legs.values():
                if (
                    leg.node == listing.node
                    and leg.ended is None
                    and leg.boot == listing.boot
                    and leg.latest + LISTING_LAG < listing.at
                ):
                    presume_end(leg, MISSING, listing.at)
                    self._touch(call, now)

    def _touch(self, call: Call, now: datetime) -> None:
        call.touched = now
        self._changed[call.id] = None
