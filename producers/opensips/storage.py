"""Where usrloc keeps its contacts: in its memory, which `ul_dump` lists, or in a database only.

Pure. With `sql-only` and `full-sharing-cachedb` (2.4: db_mode 3) usrloc reads a user's contacts
from its database at each lookup and REGISTER and forgets them (get_urecord() in udomain.c of
modules/usrloc): then ul_dump is empty, and nothing may be concluded from that.
"""

from collections import OrderedDict
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from producers.sip_proxy.user_listings import UserListing

# How many contacts that events reported lately are remembered.
_PROBES = 16


class Usrloc(StrEnum):
    """The setting `opensips.usrloc`; `auto` until something shows it."""

    AUTO = "auto"
    MEMORY = "memory"
    DATABASE = "database"


class Probe(NamedTuple):
    """A contact that an event reported: a later, complete listing has it."""

    user: UserListing
    binding: str
    expires_at: datetime | None
    seq: int


class Storage:
    """One server. The setting decides; with `auto` evidence does, that of a database for good."""

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
        """Contacts reported before `began` that the listing lacks, the latest first."""
        return [
            probe
            for key, probe in reversed(self._probes.items())
            if key not in listed
            and probe.seq < began
            and (probe.expires_at is None or probe.expires_at > now)
        ]

    def shows_memory(self) -> None:
        """A record is in memory: E_UL_AOR_* are raised for those only, and ul_dump lists them."""
        if self.where is Usrloc.AUTO:
            self.where = Usrloc.MEMORY

    def shows_database(self) -> None:
        """ul_show_contact has a contact that ul_dump lacks."""
        if not self._is_configured:
            self.where = Usrloc.DATABASE
            self._probes.clear()
