"""Where usrloc keeps its contacts: whether `ul_dump`, which walks its memory, can list them.

Pure. With `sql-only` and `full-sharing-cachedb` (2.4: db_mode 3) usrloc reads a user's contacts
from its database at each lookup and REGISTER and forgets them (get_urecord() in udomain.c of
modules/usrloc): ul_dump is empty then, and of an empty listing nothing may be concluded.
"""

from collections import OrderedDict
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from producers.sip_proxy.user_listings import UserListing

# Contacts that events reported lately, by which a listing is tried.
_PROBES = 16


class Usrloc(StrEnum):
    """`opensips.usrloc`; `auto` until something shows it."""

    AUTO = "auto"
    MEMORY = "memory"
    DATABASE = "database"


class Probe(NamedTuple):
    """A contact that an event reported: a listing that is later and true of memory has it."""

    user: UserListing
    binding: str
    expires_at: datetime | None
    seq: int


class Storage:
    """Of one server. What is configured stands; else evidence decides, the database's for good."""

    def __init__(self, configured: Usrloc = Usrloc.AUTO) -> None:
        self.where = configured
        self._is_configured = configured is not Usrloc.AUTO
        self._probes: OrderedDict[tuple[str, str], Probe] = OrderedDict()

    def reported(self, probe: Probe) -> None:
        """An event reported a live contact."""
        if self._is_configured:
            return
        self._probes[probe.user.aor, probe.binding] = probe
        self._probes.move_to_end((probe.user.aor, probe.binding))
        if len(self._probes) > _PROBES:
            self._probes.popitem(last=False)

    def removed(self, aor: str, binding: str) -> None:
        """An event reported its end."""
        self._probes.pop((aor, binding), None)

    def missing(self, listed: set[tuple[str, str]], began: int, now: datetime) -> list[Probe]:
        """Contacts of before `began` that a listing of (AOR, binding) lacks, the latest first."""
        return [
            probe
            for key, probe in reversed(self._probes.items())
            if key not in listed
            and probe.seq < began
            and (probe.expires_at is None or probe.expires_at > now)
        ]

    def shows_memory(self) -> None:
        """A user's record is in memory: E_UL_AOR_*, which name only those, or ul_dump's rows."""
        if self.where is Usrloc.AUTO:
            self.where = Usrloc.MEMORY

    def shows_database(self) -> None:
        """ul_show_contact has a contact that ul_dump lacks."""
        if not self._is_configured:
            self.where = Usrloc.DATABASE
            self._probes.clear()
