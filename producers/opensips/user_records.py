"""Users' records that usrloc makes again in its memory, which shows a restart.

Pure. A starting server reads them from its database: E_UL_AOR_INSERT of users that were there and
whose end no event reported (mem_insert_urecord() in usrloc's udomain.c).
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from producers.opensips.contacts import REPEAT

# A starting server reads its users' records within this time.
RECORDS_WINDOW = timedelta(seconds=30)
# So many users' records made again show that the server's memory is new.
RECORDS_OF_A_START = 2
_MAX_RECORDS = 1000


class UserRecords:
    """Bounded: the last thousand users."""

    def __init__(self) -> None:
        self._records: OrderedDict[int, datetime] = OrderedDict()
        self._remade: OrderedDict[int, datetime] = OrderedDict()

    def made(self, aor: str, at: datetime) -> None:
        """usrloc made the record of a user whose contacts were there (E_UL_AOR_INSERT)."""
        _put(self._records, hash(aor), at)

    def remade(self, aor: str, since: datetime, at: datetime) -> int:
        """How many users' records were made again, though no event reported their end.

        0 where this user's was not, whose contact was there at `since`. usrloc makes records only
        where it keeps its contacts in memory (mem_insert_urecord()).
        """
        user = hash(aor)
        made = self._records.get(user)
        if made is None or made - since < REPEAT or at - made > RECORDS_WINDOW:
            return 0
        _put(self._remade, user, made)
        return sum(at - when <= RECORDS_WINDOW for when in self._remade.values())


def _put(records: OrderedDict[int, datetime], user: int, at: datetime) -> None:
    records[user] = at
    records.move_to_end(user)
    if len(records) > _MAX_RECORDS:
        records.popitem(last=False)
