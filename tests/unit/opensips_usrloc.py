"""A model of usrloc beside the real intake and lister: what it keeps, raises and answers.

After modules/usrloc: urecord.c (mem_insert_ucontact), udomain.c (get_urecord), ul_mi.c.
"""

import json
from typing import Any

from producers.opensips.lister import Lister
from producers.opensips.matching import ContactMatching
from producers.opensips.storage import Storage, Usrloc
from producers.sip_proxy.errors import MiRefused, MiUnreachable
from tests.unit.opensips_capture import Play

T = 1_795_502_000.0
UP = "Tue Nov 24 06:01:20 2026"


class UsrlocServer:
    """`in_database`: contacts are read at each lookup, REGISTER and query, and not kept."""

    def __init__(
        self,
        *,
        in_database: bool = False,
        has_mi: bool = True,
        usrloc: Usrloc = Usrloc.AUTO,
        matching: ContactMatching | None = None,
        max_contacts: int | None = None,
    ) -> None:
        self.in_database = in_database
        self.users: dict[str, list[dict[str, Any]]] = {}
        self._ids = 2**62
        self.connections: list[str] | None = None
        self.database_fails = self.is_unreachable = False
        self.calls: list[str] = []
        self.events = 0
        self.now = T
        self.play = Play(
            asks=has_mi,
            storage=Storage(usrloc),
            matching=matching or ContactMatching(),
            max_contacts=max_contacts,
        )
        self.play.intake.ticks._clock = lambda: round(self.now * 1e9)
        self.wanted = 0
        self.play.intake.server.wants_listing = self._want
        self.lister = Lister(self, self.play.intake)

    def _want(self) -> None:
        self.wanted += 1

    def forget(self) -> None:
        """The producer restarts; what the streams hold stays."""
        fresh = Play(asks=True, storage=Storage())
        fresh.intake.ticks._clock = lambda: round(self.now * 1e9)
        fresh.pipeline = fresh.collector._pipeline = self.play.pipeline
        fresh.context.boot = self.play.context.boot
        self.play = fresh
        fresh.intake.server.wants_listing = self._want
        self.lister = Lister(self, fresh.intake)

    # -- what clients and calls do --------------------------------------------------------------

    def register(self, user: str, uri: str, **given: Any) -> None:
        """A new contact, or a renewed one of the same URI and Call-ID."""
        self.now += 1
        self._load(user)
        rows = self.users.setdefault(user, [])
        found = [row for row in rows if row["Contact"] == given.get("was", uri)]
        self._ids += 1
        row: dict[str, Any] = found[0] if found else {"Cseq": 0, "ContactID": str(self._ids)}
        row |= {
            "Contact": uri,
            "Callid": given.get("callid", row.get("Callid", f"{user}-{len(rows)}")),
            "Cseq": row["Cseq"] + 1,
            "at": self.now,
            "Socket": given.get("socket", "udp:192.0.2.1:5060"),
            "Received": given.get("received"),
        }
        if not found:
            rows.append(row)
        if not given.get("is_silent"):
            self._raise("UPDATE" if found else "INSERT", user, row)

    def unregister(self, user: str, uri: str, *, is_silent: bool = False) -> None:
        self.now += 1
        self._load(user)
        for row in [row for row in self.users.get(user, []) if row["Contact"] == uri]:
            self.users[user].remove(row)
            if not is_silent:
                self._raise("DELETE", user, row)
        if not self.users.get(user):
            self.users.pop(user, None)

    def unregister_all(self, user: str) -> None:
        """`Contact: *` at a database: the user is read and removed (delete_urecord()), at once."""
        self.now += 0.05
        self._load(user)
        self.users.pop(user, None)

    def lookup(self, user: str) -> None:
        """A call to the user."""
        self.now += 1
        self._load(user)

    # -- MI -------------------------------------------------------------------------------------

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        self.calls.append(command)
        self.now += 0.01
        if self.is_unreachable:
            raise MiUnreachable("no answer")
        if command == "ul_dump":
            shown = {} if self.in_database else self.users
            aors = [{"AOR": self._name(user), "Contacts": self._rows(user)} for user in shown]
            return {"Domains": [{"name": "location", "AORs": aors}]}
        if command == "ul_show_contact":
            assert parameters is not None
            user = parameters["aor"].partition("@")[0]
            self._load(user)
            if user not in self.users or self.database_fails:
                raise MiRefused("ul_show_contact: AOR not found")
            return {"AOR": parameters["aor"], "Contacts": self._rows(user)}
        if command == "list_tcp_conns" and self.connections is not None:
            return {"Connections": [{"Remote": peer} for peer in self.connections]}
        raise MiRefused(command)

    def list_all(self) -> None:
        """A listing of all contacts, five seconds later."""
        self.now += 5
        assert self.lister.list_contacts()

    def run_lister(self) -> None:
        """The lister's rounds, until no user is to be listed."""
        rounds = 0
        while self.play.intake.listings.wanted.is_set() or self.lister.waits:
            self.now += 0.2
            self.lister.list_users()
            rounds += 1
            assert rounds < 10, "listings request listings"

    def shown(self, user: str) -> list[str]:
        """The contacts that subscribers read."""
        found = [p for p in self.play.pipeline.published if p.aor == f"sip:{user}@example.test"]
        return sorted(b.contact for b in found[-1].bindings) if found else []

    def _load(self, user: str) -> None:
        if self.in_database and not self.database_fails:
            for row in self.users.get(user, []):
                self._raise("INSERT", user, row)

    def _rows(self, user: str) -> list[dict[str, Any]]:
        left = [int(row["at"]) + 3600 - int(self.now) for row in self.users.get(user, [])]
        return [
            {"Expires": seconds if seconds >= 0 else "expired", **row}
            for seconds, row in zip(left, self.users.get(user, []), strict=True)
        ]

    def _raise(self, what: str, user: str, row: dict[str, Any]) -> None:
        self.events += 1
        parameters = {
            "domain": "location",
            "aor": self._name(user),
            "uri": row["Contact"],
            "received": row["Received"],
            "socket": row["Socket"],
            "expires": int(row["at"] + 3600),
            "callid": row["Callid"],
            "cseq": row["Cseq"],
            "latency": 0,
        }
        message = {"jsonrpc": "2.0", "method": f"E_UL_CONTACT_{what}", "params": parameters}
        self.play.datagram(self.now, json.dumps(message).encode())

    def remove(self, user: str, row: dict[str, Any]) -> None:
        """This one is unregistered, whatever others there are."""
        self.now += 0.1
        self.users[user].remove(row)
        self._raise("DELETE", user, row)

    @staticmethod
    def _name(user: str) -> str:
        return f"{user}@example.test"
