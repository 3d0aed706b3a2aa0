"""Users about whom only the switch's table is right: a REGISTER may have replaced what they had.

Pure. The switch fires no event for a row it replaces (producers/freeswitch/matching.py), so with
`multiple_registrations = ask` a user's second row, and the end of one of several, is a question to
the table. What the answers show of a profile is remembered until the next listing of everyone, so
that users with several devices are not asked about again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.known_rows import Name, Row, Shown, is_same_expiry
from producers.freeswitch.matching import Mode, mode_of_register
from producers.freeswitch.row_rules import (
    is_ended,
    is_renewed,
    is_replaced,
    name_in,
    relation_of,
    row_of,
)
from producers.translated import Translated
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind as Kind

# The switch deletes some rows through a queue, after the event (sofia_glue_execute_sql): those of a
# closed socket are not asked for at once, and what may be deleted so is asked for again, seconds.
QUEUED_SECONDS = 0.2
AGAIN_SECONDS = (0.25, 0.45)
# A REGISTER so soon after another may lose its row to that one's deletion, still in the queue.
_OVERTAKEN_SECONDS = 1.5
# Beyond this many users one listing of everyone is cheaper.
DOUBTS_MAX = 200
_BEGINS = frozenset({Kind.REGISTERED, Kind.REFRESHED})
_ENDS = frozenset({Kind.UNREGISTERED, Kind.EXPIRED})
# How two rows differ: (same contact?, same Call-ID?).
_APART, _SAME = (False, False), (True, True)


class Held(NamedTuple):
    """An end of `row`, published only if the table has no other row of the same binding.

    `misnamed`: it came under another name than the row's, which it may have left.
    """

    record: Translated
    row: Row
    misnamed: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A user whose bindings the switch left unclear, by the names that the switch has for them.

    `due`: seconds of the caller's clock. `again`: what is listed may be deleted yet, so it is asked
    about again after each of these pauses. `row`: of the
    REGISTER that raised it.
    """

    aor: str
    profile: str
    names: tuple[Name, ...]
    due: float
    again: tuple[float, ...] = ()
    row: Row | None = None
    held: tuple[Held, ...] = ()


@dataclass(slots=True)
class Doubts:
    """Of one switch, at most one a user. `now` is in seconds of one monotonic clock."""

    context: Context
    _by_aor: dict[str, Doubt] = field(default_factory=dict)
    # What coexists at a profile: pairs of (same contact?, same Call-ID?).
    _coexisting: dict[str, set[tuple[bool, bool]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_aor)

    def take(self, event: SwitchEvent, record: Translated, now: float) -> bool:
        """Learn from a registration; whether its record is held back until the table was read."""
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

    def due(self, now: float, limit: int) -> list[Doubt]:
        """Those to be asked about now, so many at most; they are no longer waiting."""
        due = [doubt for doubt in self._by_aor.values() if doubt.due <= now][:limit]
        for doubt in due:
            del self._by_aor[doubt.aor]
        return due

    def clear(self) -> list[Translated]:
        """Nobody is asked about; what was held back for it."""
        held = [held.record for doubt in self._by_aor.values() for held in doubt.held]
        self._by_aor.clear()
        return held

    def answered(self, doubt: Doubt, rows: Mapping[Row, datetime | None], now: float) -> None:
        """The table holds these rows of the user, and drops them then unless they are renewed."""
        own = doubt.row
        known = self.context.known_rows.rows(doubt.aor)
        if own is not None and own in rows and own in known and not doubt.again:
            for other in rows:
                if other in known and known[other].seq < known[own].seq:
                    relation = relation_of(own, other)
                    # Rows of one key may have been left only for expiring together.
                    if relation == _APART or not is_same_expiry(
                        known[other].expires_at, known[own].expires_at
                    ):
                        self._coexisting.setdefault(doubt.profile, set()).add(relation)
        if own is not None and own not in rows:
            for other, expires_at in rows.items():
                if relation_of(own, other) == _SAME and is_renewed(known, own, other, expires_at):
                    pair = frozenset((own.registrar, other.registrar))
                    self.context.known_rows.sharing_table.add(pair)
        if doubt.again and any(row != own for row in rows):
            pause, *later = doubt.again
            self._put(replace(doubt, due=now + pause, again=tuple(later), held=()))

    def forget_coexisting(self) -> None:
        """A profile may have been given another mode since."""
        self._coexisting.clear()
        self.context.known_rows.sharing_table.clear()

    def _registered(self, event: SwitchEvent, record: RegistrationEvent, now: float) -> None:
        known, aor = self.context.known_rows, record.aor or ""
        row = row_of(event, record)
        mode = mode_of_register(event, self.context.mode_of(record.registrar))
        is_new = row not in known.rows(aor)
        others = [other for other in known.rows(aor) if other != row]
        overtaken = any(
            now - shown.heard < _OVERTAKEN_SECONDS
            for other, shown in known.rows(aor).items()
            if other.contact == row.contact or other.call_id == row.call_id
        )
        sharing = known.sharing(aor, row)
        if record.kind is Kind.REFRESHED:  # only with a mode that allows several
            self._coexisting.setdefault(row.registrar, set()).add(_APART)
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
        # With call-id rows go by that, whoever's they are; else by the name.
        by_name = mode in ("ask", "contact") and ended.kind is Kind.UNREGISTERED
        if by_name and row in known.rows(aor) and {*known.names_of(aor)} != {name_in(event)}:
            self._ask(event, ended, now, held=(Held(record, row, misnamed=True),))
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
        self._ask(event, record.event, now, held=(Held(record, row),))
        return True

    def _all_ended(self, event: SwitchEvent, record: RegistrationEvent, now: float) -> None:
        """`Contact: *`: only with off it ends what the client asked for."""
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
            return is_one or (mode != "contact" and not self._may_coexist(row, other))
        if mode in ("off", "contact"):
            return False
        if is_one or mode == "call-id":
            return is_one or row.call_id == other.call_id
        return not self._may_coexist(row, other)

    def _may_coexist(self, row: Row, other: Row) -> bool:
        return relation_of(row, other) in self._coexisting.get(row.registrar, ())

    def _ask(
        self, event: SwitchEvent, record: RegistrationEvent, due: float, **fields: Any
    ) -> None:
        aor, profile = record.aor or "", record.registrar or ""
        self._put(Doubt(aor, profile, (name_in(event),), due, **fields))

    def _ask_other(self, aor: str, row: Row, now: float) -> None:
        if names := self.context.known_rows.names_of(aor):
            self._put(
                Doubt(aor, row.registrar, tuple(names), now + QUEUED_SECONDS, again=AGAIN_SECONDS)
            )

    def _put(self, doubt: Doubt) -> None:
        """Several of one user cost one question, unless one is to be asked later than another."""
        waiting = self._by_aor.get(doubt.aor)
        if waiting is not None:
            apart = abs(doubt.due - waiting.due) > QUEUED_SECONDS / 2
            doubt = replace(
                doubt,
                due=min(doubt.due, waiting.due),
                again=max(doubt.again, waiting.again, AGAIN_SECONDS[1:] if apart else (), key=len),
                row=doubt.row or waiting.row,
                held=waiting.held + doubt.held,
                names=tuple(dict.fromkeys(waiting.names + doubt.names)),
            )
        self._by_aor[doubt.aor] = doubt
