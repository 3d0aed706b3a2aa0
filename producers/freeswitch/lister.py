"""Asks the switch for listings and publishes them as snapshots: of the node, or of one user."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from producers.freeswitch import snapshot as snapshots
from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Doubt, Intake
from producers.freeswitch.listing import (
    PROFILES_COMMAND,
    ListingUnreadable,
    RegistrationRow,
    RowUnreadable,
    is_argument,
    is_profile,
    read_channels,
    read_ports,
    read_profiles,
    rows_command,
    rows_of_node,
)
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.snapshot import Snapshot
from producers.refused import payload_of
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.topics import CALLS, REGISTRATIONS
from schemas.vocabulary import CallKind, RegistrationKind

log = logs.get(__name__)


class Lister:
    """One a connection. Raises ConnectionLost from its methods; everything else is told here."""

    def __init__(self, socket: EventSocket, intake: Intake, settings: FreeSwitchSettings) -> None:
        self._socket = socket
        self._intake = intake
        self._switch = intake.switch
        self._profiles = settings.profiles
        self._failed_before = False
        # The switch says nothing else on this connection while it makes a listing.
        self.busy = False

    def list_node(self) -> None:
        """A snapshot of each profile's registrations, and one of the calls."""
        if not self._switch.lives:
            return
        self._attempt("registrations", self._list_registrations)
        self._attempt("calls", self._list_calls)

    def list_user(self, doubt: Doubt) -> None:
        """A snapshot of one user's bindings on one profile."""
        sayable = is_profile(doubt.profile) and is_argument(doubt.user) and is_argument(doubt.host)
        if self._switch.lives and sayable:
            self._attempt("user", lambda: self._list_user(doubt))

    def ports(self) -> list[int]:
        """The ports of the running profiles; none where the switch does not say."""
        try:
            return read_ports(self._socket.api(PROFILES_COMMAND))
        except (CommandRefused, ListingUnreadable):
            return []

    def _attempt(self, what: str, listing: Callable[[], None]) -> None:
        outcome = "ok"
        self.busy = True
        try:
            listing()
            self._failed_before = False
        except (CommandRefused, ListingUnreadable) as error:
            outcome = "failed"
            if not self._failed_before:  # a recording refuses each: one line is enough
                log.warning("snapshot failed", what=what, reason=str(error))
            self._failed_before = True
        finally:
            self.busy = False
        labels = {"source": "freeswitch", "node": self._intake.node, "outcome": outcome}
        metrics.SNAPSHOTS.add(1, labels)

    def _list_registrations(self) -> None:
        """Each profile by itself: one that is just restarting is not listed, nor concluded upon."""
        profiles = self._profiles
        if profiles is None:
            profiles = read_profiles(self._socket.api(PROFILES_COMMAND))
        for profile in profiles:
            snapshot = self._begin(f"registrations-{profile}", registrar=profile)
            self._everywhere(snapshots.registration_mark, snapshot, RegistrationKind.SNAPSHOT_BEGAN)
            rows = self._rows(rows_command(profile))
            self._publish_rows(snapshot, rows)
            self._everywhere(snapshots.registration_mark, snapshot, RegistrationKind.SNAPSHOT_ENDED)

    def _list_user(self, doubt: Doubt) -> None:
        snapshot = self._begin(f"user-{doubt.profile}", aor=doubt.aor, registrar=doubt.profile)
        command = f"sofia xmlstatus profile {doubt.profile} user {doubt.user}@{doubt.host}"
        rows = self._rows(command)
        mark = snapshots.registration_mark
        self._intake.publish([mark(snapshot, RegistrationKind.SNAPSHOT_BEGAN)])
        self._publish_rows(snapshot, rows)
        self._intake.publish([mark(snapshot, RegistrationKind.SNAPSHOT_ENDED)])

    def _rows(self, command: str) -> list[RegistrationRow]:
        try:
            return rows_of_node(self._socket.api(command), self._switch.own_name)
        except RowUnreadable as error:
            row = error.row
            self._intake.refuse(payload_of(row.text), "unreadable row of a listing", row.field)
            raise ListingUnreadable(f"{command}: {error}") from error

    def _publish_rows(self, snapshot: Snapshot, rows: list[RegistrationRow]) -> None:
        for index, row in enumerate(rows):
            try:
                record = snapshots.registration_row(snapshot, row, index)
            except InvalidRecord as error:
                self._intake.refuse(payload_of(asdict(row)), error.reason, error.field)
                continue
            if snapshot.aor in (None, record.key):
                self._intake.publish(self._intake.kernel.testify([record]))

    def _list_calls(self) -> None:
        snapshot = self._begin("calls")
        rows = read_channels(self._socket.api("show channels as json"))
        self._everywhere(snapshots.call_mark, snapshot, CallKind.SNAPSHOT_BEGAN)
        context = self._intake.context
        for row in rows:
            try:
                listed = snapshots.call_row(snapshot, row, context.legs.get(row.get("uuid", "")))
            except InvalidRecord as error:
                self._intake.refuse(payload_of(row), error.reason, error.field)
                continue
            if listed is not None:
                record, identity = listed
                if record.event.leg not in context.legs:
                    context.remember(record.event.leg, identity)
                self._intake.publish([record])
        self._everywhere(snapshots.call_mark, snapshot, CallKind.SNAPSHOT_ENDED)

    def _begin(
        self, what: str, *, aor: str | None = None, registrar: str | None = None
    ) -> Snapshot:
        switch = self._switch
        assert switch.name is not None
        assert switch.boot is not None
        at = switch.clock.now()
        snapshot_id = f"{switch.name}/{switch.boot}/{what}/{at.timestamp():.6f}"
        return Snapshot(
            snapshot_id, switch.name, switch.boot, switch.seq, at, aor=aor, registrar=registrar
        )

    def _everywhere(self, mark: Callable[..., Any], snapshot: Snapshot, kind: Any) -> None:
        record = mark(snapshot, kind)
        assert record.topic in (REGISTRATIONS, CALLS)
        self._intake.publisher.publish_everywhere(record.topic, record.key, record.event)
