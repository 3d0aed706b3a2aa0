"""A made-up switch of a test: its events, its tables, through the real producer and streams."""

import itertools
import json
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from tests.freeswitch_answers import registration, registrations, verto
from tests.freeswitch_beside import Beside
from tests.integration.scripted_switch import ScriptedSwitch

DOMAIN = "sip.example.test"
BOOT = "11111111-0000-4000-8000-000000000001"
PROFILES = ("internal", "external")


class FakeSwitch:
    """Its producer is connected while it is entered; `table` is what it lists, by profile."""

    def __init__(self, **settings: object) -> None:
        self._sequence = itertools.count(100)
        self._began = time.time()
        self.table: dict[str, list[dict[str, Any]]] = {name: [] for name in PROFILES}
        self._answers: dict[str, str] = {}
        self.switch = ScriptedSwitch(answers=self._answers)
        self.beside = Beside(self.switch.port, **settings)
        self.answer()

    def __enter__(self) -> "FakeSwitch":
        self.switch.__enter__()
        self.beside.__enter__()
        calls = "show channels as json"
        self.beside.when(lambda: calls in self.switch.asked, "the first listing")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.beside.__exit__(kind, error, at)
        self.switch.__exit__(kind, error, at)

    def answer(self, *clients: tuple[str, str], users: Iterable[str] = ()) -> None:
        """Answer from here on as the tables are; `clients`: of Verto, by user@host and address."""
        profiles = "".join(
            f"<profile>\n<name>{name}</name>\n<type>profile</type>\n"
            f"<data>sip:mod_sofia@192.0.2.1:506{n}</data>\n<state>RUNNING (0)</state>\n</profile>\n"
            for n, name in enumerate(self.table)
        )
        header = '<?xml version="1.0" encoding="ISO-8859-1"?>'
        self._answers |= {
            "switchname": "vm",
            "global_getvar core_uuid": BOOT,
            "strmicroepoch": str(int(self._began * 1e6)),
            "sofia xmlstatus": f"{header}\n<profiles>\n{profiles}</profiles>\n",
            "show channels as json": '{"row_count":0}',
            "module_exists mod_verto": "true",
            "verto xmlstatus": verto(*clients),
        }
        names = {row["user"] for rows in self.table.values() for row in rows} | set(users)
        for profile, rows in self.table.items():
            command = f"sofia xmlstatus profile {profile}"
            self._answers[f"{command} reg"] = registrations(*(registration(**r) for r in rows))
            for name in names:
                own = [registration(**row) for row in rows if row["user"] == name]
                self._answers[f"{command} user {name}"] = registrations(*own)

    def send(self, **headers: str) -> None:
        """One event, now."""
        event = {
            "Event-Name": "CUSTOM",
            "Core-UUID": BOOT,
            "FreeSWITCH-Switchname": "vm",
            "Event-Date-Timestamp": str(int(time.time() * 1e6)),
            "Event-Sequence": str(next(self._sequence)),
            **headers,
        }
        body = json.dumps(event).encode()
        header = f"Content-Length: {len(body)}\nContent-Type: text/event-json\n\n"
        self.switch.send(header.encode() + body)

    def register(
        self,
        user: str,
        contact: str,
        call_id: str,
        kind: str = "register",
        profile: str = "internal",
        **more: str,
    ) -> None:
        """sofia::register, or another event of a registration."""
        self.send(
            **{
                "Event-Subclass": f"sofia::{kind}",
                "profile-name": profile,
                "from-user": user,
                "from-host": DOMAIN,
                "user": user,
                "host": DOMAIN,
                "contact": contact,
                "call-id": call_id,
                "expires": "3600",
                "network-ip": "192.0.2.50",
                "network-port": "5062",
                **more,
            }
        )

    def row(self, user: str, contact: str, call_id: str) -> dict[str, Any]:
        """A row for `table`."""
        return {"user": f"{user}@{DOMAIN}", "contact": contact, "call_id": call_id, "host": "vm"}

    def asked(self, user: str) -> int:
        """How often the table was asked for this user, at profile internal."""
        command = f"sofia xmlstatus profile internal user {user}@{DOMAIN}"
        return self.switch.asked.count(command)
