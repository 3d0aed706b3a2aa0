"""Lists the channels of a switch and publishes the snapshot of calls."""

from producers.freeswitch import calls, speech
from producers.freeswitch import event as events
from producers.freeswitch import snapshot as snapshots
from producers.freeswitch.client import EventSocket
from producers.freeswitch.context import LegIdentity
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Intake
from producers.freeswitch.listing import is_argument, read_channels
from producers.refused import payload_of
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallKind


class ChannelLister:
    """Raises CommandRefused, ListingUnreadable, ConnectionLost from its methods."""

    def __init__(self, socket: EventSocket, intake: Intake) -> None:
        self._socket = socket
        self._intake = intake

    def list(self) -> None:
        """List every leg that has not ended, under its user."""
        snapshot = self._intake.switch.snapshot("calls")
        rows = read_channels(self._socket.api("show channels as json"))
        began = snapshots.call_mark(snapshot, CallKind.SNAPSHOT_BEGAN)
        self._intake.publisher.publish_everywhere(*began)
        for row in rows:
            try:
                known = self._identity(row)
                listed = snapshots.call_row(snapshot, row, known)
            except InvalidRecord as error:
                self._intake.refuse(payload_of(row), error.reason, error.field)
                continue
            if listed is not None:
                record, identity = listed
                if identity.aor is not None:
                    self._intake.context.legs.setdefault(record.event.leg, identity)
                self._intake.publish([record])
        context, at = self._intake.context, began.event.at
        self._intake.publish(speech.listed(context, {row.get("uuid", "") for row in rows}, at))
        ended = snapshots.call_mark(snapshot, CallKind.SNAPSHOT_ENDED)
        self._intake.publisher.publish_everywhere(*ended)

    def _identity(self, row: dict[str, str]) -> LegIdentity | None:
        """The user of a leg; of a caller that no event has named, by all variables of the channel.

        The listing has no variables, and `presence_id` may be an unauthenticated From.
        """
        context, leg = self._intake.context, row.get("uuid", "")
        known = context.legs.get(leg)
        if known is not None or not calls.is_endpoint(row.get("name", "")):
            return known
        if row.get("direction") == "inbound" and is_argument(leg):
            try:
                dumped = events.parse(self._socket.api(f"uuid_dump {leg} json").encode())
            except CommandRefused:
                return None  # it has ended since
            known = calls.read_identity(dumped, context, leg)
            context.remember(leg, known)
        return known
