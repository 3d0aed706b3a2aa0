"""From what was read to Kafka: cut, parse, translate, publish; bad input to dead letters."""

import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from producers.opensips import event as events
from producers.opensips import translation
from producers.opensips.context import Context
from producers.opensips.framing import Broken, Framing
from producers.opensips.kernel import KernelWitness
from producers.opensips.listener import StreamPeer
from producers.opensips.naming import Naming
from producers.opensips.secret import PARAMETER as SECRET
from producers.opensips.secret import SharedSecret, without_secret
from producers.opensips.server import Server
from producers.opensips.storage import Usrloc
from producers.receive_times import Received
from producers.refused import payload_of
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.inbox import Lost, Peer, Piece
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.sip_proxy.user_listings import UserListings
from producers.translated import Translated
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallKind

log = logs.get(__name__)

_MAX_ANONYMOUS = 1000


@dataclass(slots=True)
class Intake(InboxIntake[Server, Context]):
    """Of one OpenSIPS: datagrams, and streams that are cut into events."""

    source = "opensips"
    message_max_bytes: int
    kernel: KernelWitness
    asks_parties: bool = False
    secret: SharedSecret = field(default_factory=lambda: SharedSecret(None))
    listings: UserListings = field(default_factory=UserListings)
    # None: nobody can name the process (no MI).
    naming: Naming | None = None
    ignored: int = 0
    _framings: dict[Peer, Framing] = field(default_factory=dict)
    # Call-IDs of dialogs whose parties MI is to be asked for.
    _anonymous: "OrderedDict[str, None]" = field(default_factory=OrderedDict)

    def take(self, piece: Piece | Lost) -> None:
        """One piece, in the order of reading; one of a process without a name waits for that."""
        if self.naming is None or not self.naming.holds(piece, time.monotonic()):
            self._take(piece)
            return
        self.server.heard()
        self.server.wants_identity()
        self.take_overdue()

    @property
    def waits(self) -> bool:
        """Whether events wait for the name of their process."""
        return bool(self.naming)

    def identified(self, up_since: str, version: str | None, asked: int) -> None:
        """MI has answered a question asked at the place `asked`; the lock is held."""
        naming = self.naming
        first = naming.first if naming else None
        if first is not None and first.seq > asked:
            first = None
        self.publish(self.server.identified(up_since, version, first))
        if naming is not None:
            self._take_all(naming.named(asked, time.monotonic()))
            if naming:
                self.server.wants_identity()

    def take_overdue(self, *, all_of_it: bool = False) -> None:
        """What has waited too long for a name; the lock is held."""
        naming = self.naming
        if naming is None or not (naming.is_overdue(time.monotonic()) or (all_of_it and naming)):
            return
        log.warning("events are published without MI's name of the process", pieces=len(naming))
        self.publish(self.server.unnamed())
        self._take_all(naming.give_up())

    def _take_all(self, pieces: Iterator[Piece | Lost]) -> None:
        for piece in pieces:
            self._take(piece)

    def _take(self, piece: Piece | Lost) -> None:
        if isinstance(piece, Lost):
            what = "messages came while the queue was full"
            metrics.SOURCE_OVERFLOWS.add(piece.count, self._labels())
            self.publish(self.server.gap(what, piece.received, piece.count))
            return
        self.server.heard()
        if piece.peer is None:
            self._take_datagram(piece)
        elif piece.data:
            self._take_stream(piece, piece.peer)
        else:
            self._end_stream(piece, piece.peer)

    def take_anonymous(self, limit: int) -> list[str]:
        """Call-IDs to ask MI for, each once."""
        with self.lock:
            count = min(limit, len(self._anonymous))
            return [self._anonymous.popitem(last=False)[0] for _ in range(count)]

    def status(self) -> dict[str, Any]:
        status, waiting = InboxIntake.status(self), len(self.naming or ())
        queued = status["queued"] + waiting
        return status | {"queued": queued, "ignored": self.ignored, "unnamed": waiting}

    def refuse(self, payload: bytes, reason: str, field_name: str | None = None) -> None:
        """Keep input that cannot be used, but for the secret."""
        InboxIntake.refuse(self, self.secret.hidden(payload), reason, field_name)

    def _take_datagram(self, piece: Piece) -> None:
        try:
            event = events.parse(piece.data)
        except Unreadable as error:
            self.refuse(piece.data, str(error))
            return
        self._take_event(event, piece.received, piece.data)

    def _take_stream(self, piece: Piece, peer: Peer) -> None:
        framing = self._framings.get(peer)
        if framing is None:
            framing = self._framings[peer] = Framing(self.message_max_bytes)
        at, first = piece.received
        # Several events of one read came at one time, each at its own place (inbox.places).
        place = 0
        for found in framing.feed(piece.data):
            received = Received(at, first + place)
            if isinstance(found, Broken):
                self.refuse(found.data, found.reason)
                self.publish(self.server.gap(f"the stream: {found.reason}", received))
                continue
            if isinstance(peer, StreamPeer):
                peer.sends_events = True
            place += 1
            self._take_event(found, received, None)
            if found.request is not None:
                reply = {"jsonrpc": "2.0", "result": "OK", "id": found.request}
                peer.acknowledge(json.dumps(reply).encode())

    def _end_stream(self, piece: Piece, peer: Peer) -> None:
        framing = self._framings.pop(peer, None)
        cut = framing.end() if framing else None
        if cut is not None:
            self.refuse(cut.data, cut.reason)
        self.publish(self.server.gap("the event stream ended", piece.received))

    def _take_event(self, event: ServerEvent, received: Received, data: bytes | None) -> None:
        self.events += 1
        metrics.SOURCE_EVENTS.add(1, self._labels())
        context = self.context
        if SECRET in event.parameters:
            data = None  # what is kept of it is written anew
        try:
            event = self.secret.taken_from(event)
            records = translation.translate(event, context, received)
        except InvalidRecord as error:
            if error.field == SECRET:
                metrics.SOURCE_REFUSED.add(1, self._labels() | {"reason": SECRET})
            kept = data or _payload(without_secret(event))
            self.refuse(kept, error.reason, error.field)
            return
        if (sign := context.restart_seen) is not None:
            context.restart_seen = None
            self.publish(self.server.restarted(sign, received))
        if (reason := context.gap_seen) is not None:
            context.gap_seen = None
            self.publish(self.server.gap(reason, received))
        self.publish(self.kernel.add_cookies(records))
        for row, problem in context.unreadable:
            self.refuse(payload_of(row), problem.reason, problem.field)
        context.unreadable.clear()
        self._note_unclear(event)
        if records:
            self.translated += 1
            self._note_anonymous(event, records)
        else:
            self.ignored += 1

    def _note_unclear(self, event: ServerEvent) -> None:
        """Have the user listed whose bindings the event leaves unclear, once it is published."""
        context = self.context
        if (unclear := context.unclear) is not None:
            context.unclear = None
            if context.asks:
                self.listings.ask(unclear)
        if context.all_unclear:
            context.all_unclear = False
            self.server.wants_listing()
        if event.name == "E_UL_CONTACT_INSERT" and context.storage.where is Usrloc.AUTO:
            self.server.wants_listing()  # which shows where usrloc keeps it

    def _note_anonymous(self, event: ServerEvent, records: list[Translated]) -> None:
        if not self.asks_parties or event.name != "E_DLG_STATE_CHANGED":
            return
        if any(r.event.aor is None and r.event.kind is not CallKind.ENDED for r in records):
            call_id = records[0].event.sip_call_id
            if call_id and len(self._anonymous) < _MAX_ANONYMOUS:
                self._anonymous[call_id] = None


def _payload(event: ServerEvent) -> bytes:
    return payload_of({"jsonrpc": "2.0", "method": event.name, "params": event.parameters})
