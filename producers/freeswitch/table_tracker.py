"""Follows the switch's table by its events, and finds the users for whom it must be asked.

Pure. The switch fires no event for a row it replaces (producers/freeswitch/matching.py), so with
`multiple_registrations = ask` a user's second row, and the end of one of several, is a question to
the table. What the answers show of a profile is remembered until the next listing of everyone, so
that users with several devices are not asked about again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from producers.freeswitch.coexistence import Coexistence
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.matching import Mode, mode_of_register
from producers.freeswitch.row_rules import (
    APART,
    SAME,
    is_ended,
    is_renewed,
    is_replaced,
    name_in,
    relation_of,
    row_of,
)
from producers.freeswitch.rows import Row, Shown, is_same_expiry
from producers.freeswitch.uncertain_users import (
    AGAIN_SECONDS,
    QUEUED_SECONDS,
    HeldEnd,
    UncertainUser,
    UncertainUsers,
)
from producers.translated import Translated
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind as Kind

# A REGISTER so soon after another may lose its row to that one's deletion, still in the queue.
_OVERTAKEN_SECONDS = 1.5
_BEGINS = frozenset({Kind.REGISTERED, Kind.REFRESHED})
_ENDS = frozenset({Kind.UNREGISTERED, Kind.EXPIRED})


@dataclass(slots=True)
class TableTracker:
    """For one switch. `now` is in seconds of one monotonic clock."""

    context: Context
    uncertain: UncertainUsers = field(default_factory=UncertainUsers)
    _coexistence: Coexistence = field(default_factory=Coexistence)

    def take(self, event: SwitchEvent, record: Translated, now: float) -> bool:
        """Learn from a registration; True where its record is held back for the table's answer."""
        registration: RegistrationEvent = record.event
        if registration.aor is None or registration.registrar is None:
            return False
        if registration.kind in _BEGINS:
            self._registered(event, registration, now)
        elif registration.kind in _ENDS:
            return self._ended(event, record, registration, now)
        elif registration.kind is Kind.WILDCARD:
            self._all_ended(event, registration, now)
        elif registration.kind is Kind.CONNECTION_LOST:
            self._ask(event, registration, now + QUEUED_SECONDS, again=AGAIN_SECONDS)
        return False

    def answered(
        self, user: UncertainUser, rows: Mapping[Row, datetime | None], now: float
    ) -> None:
        """The table holds these rows of the user; each value is when the switch drops the row."""
        own = user.row
        known = self.context.known_rows.rows(user.aor)
        if own is not None and own in rows and own in known and not user.again:
            for other in rows:
                if other in known and known[other].seq < known[own].seq:
                    relation = relation_of(own, other)
                    # Rows of one key may have been left only for expiring together.
                    if relation == APART or not is_same_expiry(
                        known[other].expires_at, known[own].expires_at
                    ):
                        self._coexistence.add(user.profile, relation)
        if own is not None and own not in rows:
            for other, expires_at in rows.items():
                if relation_of(own, other) == SAME and is_renewed(known, own, other, expires_at):
                    pair = frozenset((own.registrar, other.registrar))
                    self.context.known_rows.sharing_table.add(pair)
        if user.again and any(row != own for row in rows):
            pause, *later = user.again
            self.uncertain.add(replace(user, due=now + pause, again=tuple(later), held=()))

    def forget_coexisting(self) -> None:
        """A profile may have been given another mode since."""
        self._coexistence.clear()
        self.context.known_rows.sharing_table.clear()

    def _registered(self, event: SwitchEvent, record: RegistrationEvent, now: float) -> None:
        known, aor = self.context.known_rows, record.aor or ""
        row = row_of(event, record)
        mode = mode_of_register(event, self.context.mode_of(record.registrar))
        is_new = row not in known.rows(aor)
        others = [other for other in known.rows(aor) if other != row]
        overtaken = any(
            now - shown.registered_at < _OVERTAKEN_SECONDS
            for other, shown in known.rows(aor).items()
            if other.contact == row.contact or other.call_id == row.call_id
        )
        sharing = known.sharing(aor, row)
        if record.kind is Kind.REFRESHED:  # only with a mode that allows several
            self._coexistence.several_allowed(row.registrar)
        for other in others:
            if is_replaced(mode, record, row, other) or known.is_one(row, other):
                known.remove(aor, other)
        left = [other for other in others if other in known.rows(aor)]
        own = Shown(event.seq, record.expires_at, record.binding or "", now)
        known.add(aor, name_in(event), row, own)
        unclear = [
            other
            for other in left
            if (
                is_new
                or other.call_id == row.call_id
                or known.binding_of(aor, other) == own.binding
            )
            and self._is_unclear(mode, row, other, known.binding_of(aor, other) == own.binding)
        ]
        if unclear:
            # Rows of the same Call-ID are deleted through the queue.
            queued = any(other.call_id == row.call_id for other in unclear)
            self._ask(event, record, now, again=AGAIN_SECONDS if queued else (), row=row)
        if mode == "off":
            return
        if overtaken:
            self._ask(event, record, now + QUEUED_SECONDS, again=AGAIN_SECONDS)
        for other_aor in sharing:
            self._ask_other(other_aor, row, now)

    def _ended(
        self, event: SwitchEvent, record: Translated, ended: RegistrationEvent, now: float
    ) -> bool:
        known, aor = self.context.known_rows, ended.aor or ""
        row = row_of(event, ended)
        mode = self.context.mode_of(ended.registrar)
        asks = mode in ("ask", "call-id")
        sharing = known.sharing(aor, row) if asks else []
        # With call-id the switch deletes by Call-ID across users; else by the name.
        by_name = mode in ("ask", "contact") and ended.kind is Kind.UNREGISTERED
        if by_name and row in known.rows(aor) and {*known.names_of(aor)} != {name_in(event)}:
            self._ask(event, ended, now, held=(HeldEnd(record, row, misnamed=True),))
            return True
        known.remove(aor, row)
        if ended.kind is Kind.EXPIRED:  # names its row; each has an event of its own
            return self._holds_same(event, record, row, now)
        for other in list(known.rows(aor)):
            if is_ended(mode, row, other):
                known.remove(aor, other)
        for other_aor in sharing:
            if any(other.call_id == row.call_id for other in known.rows(other_aor)):
                self._ask_other(other_aor, row, now)
        if self._holds_same(event, record, row, now):
            return True
        left = known.rows(aor)
        if any(self._is_unclear(mode, row, other, False) for other in left):
            self._ask(event, ended, now)
        return False

    def _holds_same(self, event: SwitchEvent, record: Translated, row: Row, now: float) -> bool:
        """Whether another row of the same binding may be left; the end is held back then."""
        ended: RegistrationEvent = record.event
        left = self.context.known_rows.rows(ended.aor or "")
        # With off and contact what ends at a profile is known, and nothing at another one.
        asks = self.context.mode_of(row.registrar) in ("ask", "call-id")
        if not any(
            shown.binding == ended.binding and (asks or other.registrar != row.registrar)
            for other, shown in left.items()
        ):
            return False
        self._ask(event, record.event, now, held=(HeldEnd(record, row),))
        return True

    def _all_ended(self, event: SwitchEvent, record: RegistrationEvent, now: float) -> None:
        """`Contact: *`: only with off it ends the bindings that the client asked for."""
        mode = self.context.mode_of(record.registrar)
        known = self.context.known_rows
        if mode == "off":
            for row in list(known.rows(record.aor or "")):
                if row.registrar == record.registrar:
                    known.remove(record.aor or "", row)
        if mode != "contact" and (mode == "ask" or known.rows(record.aor or "")):
            # Without `Expires: 0` it is registered, and deletes its Call-ID's other rows later.
            self._ask(event, record, now, again=AGAIN_SECONDS)

    def _is_unclear(self, mode: Mode, row: Row, other: Row, is_one: bool) -> bool:
        """Whether only the table knows if `other` is left; `is_one`: they have one identity."""
        if other.registrar != row.registrar:  # they may share a table
            is_one = is_one or row.contact == other.contact
            return is_one or (mode != "contact" and not self._coexistence.may_coexist(row, other))
        if mode in ("off", "contact"):
            return False
        if is_one or mode == "call-id":
            return is_one or row.call_id == other.call_id
        return not self._coexistence.may_coexist(row, other)

    def _ask(
        self, event: SwitchEvent, record: RegistrationEvent, due: float, **fields: Any
    ) -> None:
        aor, profile = record.aor or "", record.registrar or ""
        self.uncertain.add(UncertainUser(aor, profile, (name_in(event),), due, **fields))

    def _ask_other(self, aor: str, row: Row, now: float) -> None:
        names = tuple(self.context.known_rows.names_of(aor))
        if names:
            due = now + QUEUED_SECONDS
            user = UncertainUser(aor, row.registrar, names, due, again=AGAIN_SECONDS)
            self.uncertain.add(user)
