"""Recognises the events that the producer's own lookup of a user raises, where usrloc reads a
database for it.

Pure. usrloc raises E_UL_CONTACT_INSERT of each contact that it reads (mem_insert_ucontact()): for a
call's lookup, a REGISTER and ul_show_contact alike. A lookup reads each contact once, before or
after its answer is here; further events come from other lookups.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

# An event comes up to this long after the answer. One that was lost hides another's so long.
_LATE = timedelta(seconds=5)
_USERS = 1000

Stored = tuple[str, str | None]  # a contact in the table: its URI and Call-ID


class _Expected(NamedTuple):
    events: Counter[Stored]
    until: datetime


class LookupEvents:
    """Not thread-safe: callers hold the intake's lock. What is forgotten costs one more lookup."""

    def __init__(self) -> None:
        self._early: dict[str, Counter[Stored]] = {}  # of users that are being looked up
        self._expected: OrderedDict[str, _Expected] = OrderedDict()

    def begin(self, aor: str) -> None:
        """The user is looked up now."""
        self._early[aor] = Counter()

    def answered(self, aor: str, stored: Iterable[Stored], at: datetime) -> bool:
        """What the table held, after `begin`. Returns whether another lookup has read it, too."""
        early, events = self._early.pop(aor, Counter()), Counter(stored)
        before = self._expected.pop(aor, None)
        if before is not None and at <= before.until:
            events += before.events
        self._expected[aor] = _Expected(events - early, at + _LATE)
        if len(self._expected) > _USERS:
            self._expected.popitem(last=False)
        return bool(early - events)

    def take(self, aor: str, contact: Stored, at: datetime) -> bool:
        """Whether an event is of an own lookup; until that is answered, every event counts so."""
        early = self._early.get(aor)
        if early is not None:
            early[contact] += 1
            return True
        expected = self._expected.get(aor)
        if expected is None or at > expected.until or not expected.events[contact]:
            return False
        expected.events[contact] -= 1
        return True
