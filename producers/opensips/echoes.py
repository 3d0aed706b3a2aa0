"""Which events a question about a user raises by itself, where usrloc reads a database for it.

Pure. usrloc raises E_UL_CONTACT_INSERT of each contact that it reads (mem_insert_ucontact()): for a
lookup, a REGISTER and ul_show_contact alike. A question reads each contact once, before or after
its answer is here; whatever comes beyond that is of somebody else.
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


class Echoes:
    """Not thread-safe: callers hold the intake's lock. What is forgotten costs a question."""

    def __init__(self) -> None:
        self._early: dict[str, Counter[Stored]] = {}  # of users who are being asked for
        self._expected: OrderedDict[str, _Expected] = OrderedDict()

    def asks(self, aor: str) -> None:
        """The user is asked for."""
        self._early[aor] = Counter()

    def answered(self, aor: str, stored: Iterable[Stored], at: datetime) -> bool:
        """What the table held, after `asks`: whether somebody else has read it meanwhile."""
        early, events = self._early.pop(aor, Counter()), Counter(stored)
        before = self._expected.pop(aor, None)
        if before is not None and at <= before.until:
            events += before.events
        self._expected[aor] = _Expected(events - early, at + _LATE)
        if len(self._expected) > _USERS:
            self._expected.popitem(last=False)
        return bool(early - events)

    def takes(self, aor: str, contact: Stored, at: datetime) -> bool:
        """Whether an event is a question's own; while one is not answered all are taken for it."""
        early = self._early.get(aor)
        if early is not None:
            early[contact] += 1
            return True
        expected = self._expected.get(aor)
        if expected is None or at > expected.until or not expected.events[contact]:
            return False
        expected.events[contact] -= 1
        return True
