"""From OpenSIPS' messages to Kafka: cut, parse, translate, publish; dead letters of bad input."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from producers.opensips import event as events
from producers.opensips import translation
from producers.opensips.context import Context
from producers.opensips.framing import Broken
from producers.opensips.kernel import KernelWitness
from producers.opensips.listener import StreamPeer
from producers.opensips.naming import Naming
from producers.opensips.secret import PARAMETER as SECRET
from producers.opensips.secret import SharedSecret, without_secret
from producers.opensips.server import Server
from producers.opensips.storage import Usrloc
from producers.opensips.streams import Streams
from producers.opensips.unnamed_dialogs import UnnamedDialogs
from producers.receive_times import Received
from producers.refused import payload_of
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.inbox import Lost, Peer, Piece
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.sip_proxy.user_listings import UserListings
from runtime import logs, metrics
from schemas.codec import InvalidRecord

log = logs.get(__name__)


@dataclass(slots=True)
class Intake(InboxIntake[Server, Context]):
    """The datagrams and streams of one OpenSIPS. `naming` None: no MI names the process."""

    source = "opensips"
    message_max_bytes: int
    kernel: KernelWitness
    asks_parties: bool = False
    secret: SharedSecret = field(default_factory=lambda: SharedSecret(None))
    listings: UserListings = field(default_factory=UserListings)
    naming: Naming | None = None
    ignored: int = 0
    _streams: Streams = field(init=False)
    unnamed: UnnamedDialogs = field(init=False, default_factory=UnnamedDialogs)

    def __post_init__(self) -> None:
        self._streams = Streams(self.message_max_bytes)

    def take(self, piece: Piece | Lost) -> None:
        """Publish what one piece holds; pieces come in the order of reading.

        The pieces of a process that is not yet named wait for that.
        """
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
        """MI has answered a query made at the place `asked`; the lock is held."""
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
        """Publish what has waited too long for a name, or `all_of_it`; the lock is held."""
        naming = self.naming
        if naming is None or not (naming.is_overdue(time.monotonic()) or (all_of_it and naming)):
            return
        log.warning("MI did not name the process: events are published", pieces=len(naming))
        self.publish(self.server.unnamed())
        self._take_all(naming.give_up())

    def take_anonymous(self, limit: int) -> list[str]:
        """Call-IDs of dialogs whose users MI is to be queried for, each once."""
        with self.lock:
            return self.unnamed.take(limit)

    def status(self) -> dict[str, Any]:
        """Its part of /status."""
        status, waiting = InboxIntake.status(self), len(self.naming or ())
        queued = status["queued"] + waiting
        return status | {"queued": queued, "ignored": self.ignored, "unnamed": waiting}

    def refuse(self, payload: bytes, reason: str, field_name: str | None = None) -> None:
        """Publish a dead letter of input that cannot be used, without the secret."""
        InboxIntake.refuse(self, self.secret.hidden(payload), reason, field_name)

    def _take_all(self, pieces: Iterator[Piece | Lost]) -> None:
        for piece in pieces:
            self._take(piece)

    def _take(self, piece: Piece | Lost) -> None:
        if isinstance(piece, Lost):
            reason = "messages came while the queue was full"
            metrics.SOURCE_OVERFLOWS.add(piece.count, self._labels())
            self.publish(self.server.gap(reason, piece.received, piece.count))
            return
        self.server.heard()
        if piece.peer is None:
            self._take_datagram(piece)
        elif piece.data:
            self._take_stream(piece, piece.peer)
        else:
            self._end_stream(piece, piece.peer)

    def _take_datagram(self, piece: Piece) -> None:
        try:
            event = events.parse(piece.data)
        except Unreadable as error:
            self.refuse(piece.data, str(error))
            return
        self._take_event(event, piece.received, piece.data)

    def _take_stream(self, piece: Piece, peer: Peer) -> None:
        for found, received in self._streams.feed(piece, peer):
            if isinstance(found, Broken):
                self.refuse(found.data, found.reason)
                self.publish(self.server.gap(f"the stream: {found.reason}", received))
                continue
            if isinstance(peer, StreamPeer):
                peer.sends_events = True
            self._take_event(found, received, None)
            if found.request is not None:
                reply = {"jsonrpc": "2.0", "result": "OK", "id": found.request}
                peer.acknowledge(json.dumps(reply).encode())

    def _end_stream(self, piece: Piece, peer: Peer) -> None:
        cut = self._streams.end(peer)
        if cut is not None:
            self.refuse(cut.data, cut.reason)
        self.publish(self.server.gap("the event stream ended", piece.received))

    def _take_event(self, event: ServerEvent, received: Received, data: bytes | None) -> None:
        self.events += 1
        metrics.SOURCE_EVENTS.add(1, self._labels())
        if SECRET in event.parameters:
            data = None  # a dead letter of it is written anew
        try:
            event = self.secret.taken_from(event)
            records = translation.translate(event, self.context, received)
        except InvalidRecord as error:
            if error.field == SECRET:
                metrics.SOURCE_REFUSED.add(1, self._labels() | {"reason": SECRET})
            kept = data or _payload(without_secret(event))
            self.refuse(kept, error.reason, error.field)
            return
        self._publish_signs(received)
        self.publish(self.kernel.add_cookies(records))
        for row, problem in self.context.unreadable:
            self.refuse(payload_of(row), problem.reason, problem.field)
        self.context.unreadable.clear()
        self._request_listings(event)
        if records:
            self.translated += 1
            if self.asks_parties:
                self.unnamed.note(event, records)
        else:
            self.ignored += 1

    def _publish_signs(self, received: Received) -> None:
        """What the event shows of the server, before the event's own records."""
        context = self.context
        if (sign := context.restart_seen) is not None:
            context.restart_seen = None
            self.publish(self.server.restarted(sign, received))
        if (reason := context.gap_seen) is not None:
            context.gap_seen = None
            self.publish(self.server.gap(reason, received))

    def _request_listings(self, event: ServerEvent) -> None:
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


def _payload(event: ServerEvent) -> bytes:
    return payload_of({"jsonrpc": "2.0", "method": event.name, "params": event.parameters})
