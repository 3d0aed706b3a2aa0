"""Lists the registrations of a switch, of everyone or of one user, and publishes the snapshots."""

import time
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import NamedTuple

from producers.freeswitch import contact
from producers.freeswitch import snapshot as snapshots
from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Intake
from producers.freeswitch.listing import (
    PROFILES_COMMAND,
    ListingUnreadable,
    RegistrationRow,
    RowUnreadable,
    read_profiles,
    rows_command,
    rows_of_node,
    user_command,
)
from producers.freeswitch.rows import Name, Row, Shown
from producers.freeswitch.snapshot import Snapshot
from producers.freeswitch.uncertain_users import HeldEnd, UncertainUser
from producers.refused import payload_of
from producers.translated import Translated
from schemas.codec import InvalidRecord
from schemas.vocabulary import RegistrationKind as Kind

# With more names of one user, a listing of everyone is cheaper.
_NAMES_MAX = 3


class _Listed(NamedTuple):
    """One row of a listing, read: its user, also as the switch names them, and its record."""

    aor: str
    name: Name
    row: Row
    record: Translated


_Listing = list[tuple[Snapshot, list[RegistrationRow]]]


class RegistrationLister:
    """`profiles`: those to list; None: all that run. Raises CommandRefused, ListingUnreadable,
    ConnectionLost from its methods."""

    def __init__(self, socket: EventSocket, intake: Intake, profiles: list[str] | None) -> None:
        self._socket = socket
        self._intake = intake
        self._known = intake.context.known_rows
        self._given = profiles
        self._running: list[str] = list(profiles or [])

    def list_node(self) -> None:
        """List each profile by itself: of one that is just restarting nothing is concluded.

        All rows come before the first end: profiles may share a table, where a row keeps the name
        of the profile that made it (`update sip_registrations` in sofia_reg.c).
        """
        if self._given is None:
            self._running = read_profiles(self._socket.api(PROFILES_COMMAND))
        began = self._intake.switch.snapshot("registrations")
        listing: _Listing = []
        failure: CommandRefused | ListingUnreadable | None = None
        for profile in self._running:
            try:
                rows = self._ask(rows_command(profile))
            except (CommandRefused, ListingUnreadable) as error:
                failure = failure or error
                continue
            listing.append((self._of_profile("registrations", began, profile), rows))
        self._mark(listing, Kind.SNAPSHOT_BEGAN)
        found: dict[str, list[Row]] = {}
        for listed in self._read(listing):
            found.setdefault(listed.aor, []).append(listed.row)
            self._publish(listed, began.seq)
        self._mark(listing, Kind.SNAPSHOT_ENDED)
        for aor in self._known.aors():
            self._known.listed(aor, found.get(aor, ()), _names(listing), began.seq)
        if failure is not None:
            raise failure

    def list_user(self, user: UncertainUser) -> None:
        """List the user's rows on every profile: the marks' `remaining` is exact.

        What the switch replaced is deleted before its event (sofia_glue_execute_sql_now), so the
        table is not older than the events that came before the question.
        """
        began = self._intake.switch.snapshot("user", aor=user.aor)
        listing: _Listing = []
        for profile in dict.fromkeys((user.profile, *self._running)):
            try:
                rows = self._ask_user(profile, user)
            except (CommandRefused, ListingUnreadable):
                if profile == user.profile:
                    raise
                continue  # stopped since
            listing.append((self._of_profile("user", began, profile), rows))
        found = [listed for listed in self._read(listing) if listed.aor == user.aor]
        rows_found = {listed.row: listed.record.event.expires_at for listed in found}
        self._intake.publish([h.record for h in user.held if not _is_kept(h, found)])
        self._intake.table.answered(user, rows_found, time.monotonic())
        self._mark(listing, Kind.SNAPSHOT_BEGAN)
        for listed in found:
            self._publish(listed, began.seq)
        remaining = [listed.record.event.binding for listed in found]
        self._mark(listing, Kind.SNAPSHOT_ENDED, remaining)
        self._known.listed(user.aor, rows_found, _names(listing), began.seq)

    def _of_profile(self, what: str, began: Snapshot, profile: str) -> Snapshot:
        mode = self._intake.context.mode_of(profile)
        return began.of_registrar(f"{what}-{profile}", profile, mode)

    def _ask_user(self, profile: str, user: UncertainUser) -> list[RegistrationRow]:
        """Ask by name, where the names fit in a command and are few; else list everyone."""
        names = dict.fromkeys((*user.names, *self._known.names_of(user.aor)))
        commands = [user_command(profile, *name) for name in names]
        if None in commands or len(commands) > _NAMES_MAX:
            return self._ask(rows_command(profile))
        return [row for command in commands if command for row in self._ask(command)]

    def _ask(self, command: str) -> list[RegistrationRow]:
        try:
            return rows_of_node(self._socket.api(command), self._intake.switch.own_name)
        except RowUnreadable as error:
            row = error.row
            self._intake.refuse(payload_of(row.text), "unreadable row of a listing", row.field)
            raise ListingUnreadable(f"{command}: {error}") from error

    def _read(self, listing: _Listing) -> list[_Listed]:
        """Every row that a record can be made of; each row of a user is a binding of its own."""
        rows = list(self._rows(listing))
        of_user: dict[str, dict[Row, str]] = {}
        for listed in rows:
            of_user.setdefault(listed.aor, {})[listed.row] = listed.record.event.binding
        for aor, found in of_user.items():
            if len(found) > 1 or self._known.rows(aor):
                of_user[aor] = self._known.distinguish(aor, found)
        for listed in rows:
            listed.record.event.binding = of_user[listed.aor][listed.row]
        return rows

    def _rows(self, listing: _Listing) -> Iterator[_Listed]:
        for snapshot, rows in listing:
            for index, row in enumerate(rows):
                if contact.is_wildcard(row.contact):
                    continue  # made by `Contact: *` without `Expires: 0`: it reaches no client
                try:
                    record = snapshots.registration_row(snapshot, row, index)
                except InvalidRecord as error:
                    self._intake.refuse(payload_of(asdict(row)), error.reason, error.field)
                    continue
                user, _, host = row.user.rpartition("@")
                stored = contact.readable(row.contact)
                key = Row(snapshot.registrar or "", stored, record.event.call_id)
                yield _Listed(record.key, Name(user, host), key, record)

    def _publish(self, listed: _Listed, seq: int) -> None:
        event = listed.record.event
        shown = Shown(seq, event.expires_at, event.binding)
        self._known.add(listed.aor, listed.name, listed.row, shown)
        self._intake.publish(self._intake.kernel.add_cookies([listed.record]))

    def _mark(self, listing: _Listing, kind: Kind, remaining: list[str] | None = None) -> None:
        for snapshot, _ in listing:
            topic, key, event = snapshots.registration_mark(snapshot, kind, remaining)
            if snapshot.aor is None:
                self._intake.publisher.publish_everywhere(topic, key, event)
            else:
                self._intake.publisher.publish(topic, key, event)


def _names(listing: _Listing) -> list[str]:
    return [snapshot.registrar or "" for snapshot, _ in listing]


def _is_kept(held: HeldEnd, found: Collection[_Listed]) -> bool:
    """Whether another row of the binding is left: what ended was not all of it.

    The row itself may still be listed: one that expired is deleted after its event.
    """
    return any(
        listed.record.event.binding == held.record.event.binding
        and (held.misnamed or listed.row != held.row)
        for listed in found
    )
