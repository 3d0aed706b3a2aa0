"""From evapi's lines to Kafka: cut, parse, translate, publish; bad input becomes dead letters."""

from dataclasses import dataclass, field
from typing import Any

from producers.kamailio import event as events
from producers.kamailio import translation
from producers.kamailio.connection import Link
from producers.kamailio.context import Context
from producers.kamailio.framing import Lines, TooLong
from producers.kamailio.kernel import KernelWitness
from producers.kamailio.records import subject
from producers.kamailio.server import Server
from producers.receive_times import Received
from producers.refused import payload_of
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.inbox import EVENT_MIN_BYTES, Lost, Piece
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.sip_proxy.user_listings import UserListing, UserListings
from runtime import metrics
from schemas.codec import InvalidRecord


@dataclass(slots=True)
class Intake(InboxIntake[Server, Context]):
    """The lines of one Kamailio."""

    source = "kamailio"
    kernel: KernelWitness
    message_max_bytes: int
    users_wanted: UserListings = field(default_factory=UserListings)
    _link: Any = None
    _lines: Lines = field(default_factory=lambda: Lines(0))

    def take(self, piece: Piece | Lost) -> None:
        """Publish what one piece holds; pieces come in the order of reading."""
        if isinstance(piece, Lost):
            metrics.SOURCE_OVERFLOWS.add(piece.count, self._labels())
            self._lines.lost()
            reason = f"{piece.count} pieces came while the queue was full"
            self.publish(self.server.gap(reason, piece.received))
            return
        if piece.peer is not self._link and piece.data:
            self._begin(piece)
        if not piece.data:
            refused = isinstance(piece.peer, Link) and piece.peer.refused
            self.publish(self.server.end(piece.received, refused=refused))
            self.kernel.close()
            self._link = None
            return
        at, first = piece.received
        # The events of one read have one time, and each its own place (inbox.places).
        place = 0
        for line in self._lines.feed(piece.data):
            if isinstance(line, TooLong):
                self.refuse(line.data, f"longer than {self.message_max_bytes} bytes")
                continue
            self._take_line(line, Received(at, first + place))
            place += len(line) >= EVENT_MIN_BYTES  # nothing shorter is an event

    def refuse_row(self, unreadable: UnreadableRow) -> None:
        """Publish a dead letter of a row that is no contact; the other rows count."""
        error = unreadable.error
        self.refuse(payload_of(unreadable.row), error.reason, error.field)

    def _begin(self, piece: Piece) -> None:
        self._link, self._lines = piece.peer, Lines(self.message_max_bytes)
        self._find_kernel()
        self.publish(self.server.begin(self.ticks.now()))

    def _find_kernel(self) -> None:
        if isinstance(self._link, Link) and not self.kernel.on:
            self.kernel.open(self._link.ends)

    def _take_line(self, line: bytes, received: Received) -> None:
        self.events += 1
        metrics.SOURCE_EVENTS.add(1, self._labels())
        try:
            event = events.parse(line)
        except Unreadable as error:
            self.refuse(line, str(error))
            return
        try:
            if marks := self.server.heard(event, received):
                self._find_kernel()  # evapi may have listened before the SIP ports
                self.publish(marks)
            records = translation.translate(event, self.context, received)
        except InvalidRecord as error:
            self.refuse(line, error.reason, error.field)
            self._note_unread(event)
        else:
            self.translated += bool(records)
            self.publish(self.kernel.add_cookies(records))
        self._follow_up()

    def _note_unread(self, event: ServerEvent) -> None:
        """A registration event that cannot be read: a listing of the user shows what it did."""
        if event.name not in translation.TABLE_EVENTS:
            return
        try:
            name, aor = subject(event, self.context)
        except InvalidRecord:
            # A REGISTER that save() refused, without a readable user, has stored nothing.
            self.context.listing_needed |= event.parameters.get("result") not in (0, "0")
        else:
            self.context.unclear.append(UserListing(self.context.table, name, aor))

    def _follow_up(self) -> None:
        """Refuse the rows, and request the listings, that the translation left in the context."""
        context = self.context
        for row in context.unreadable:
            self.refuse_row(row)
        for user in context.unclear:
            self.users_wanted.ask(user)
        context.unreadable.clear()
        context.unclear.clear()
        if context.listing_needed:
            context.listing_needed = False
            self.server.wants_listing()
