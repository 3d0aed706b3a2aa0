"""A real FreeSWITCH of one option set, with the product's producer beside it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from local.network import free_port
from producers.freeswitch.listing import rows_command, rows_of_node
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.stage import FreeSwitchProducer
from runtime.stage import Stage
from tests.live.freeswitch_server import FreeSwitchServer
from tests.registrars.digest import USER
from tests.registrars.event_socket import EventSocket
from tests.registrars.freeswitch_options import OPTION_SETS, FreeSwitchOptions, tuned
from tests.registrars.registrar import NEVER, NODE, Registrar, run_and_close
from tests.registrars.table import Row

# The switch's own words for what the producer's setting calls otherwise.
_MULTIPLE = {None: "off", "false": "off", "true": "contact"}
PROFILES = ("internal", "external")


class _Server(FreeSwitchServer):
    """Configured as docs/freeswitch.md says, and then as the options do; takes any user."""

    def __init__(self, folder: Path, options: FreeSwitchOptions) -> None:
        self._options = options
        self.second_port = free_port()
        super().__init__(folder, [USER])

    def start(self) -> None:
        place = self._folder / "freeswitch.xml"
        place.write_text(tuned(place.read_text(), self._options, self.second_port))
        super().start()

    @property
    def ports(self) -> tuple[int, ...]:
        second = (self.second_port,) if self._options.profiles > 1 else ()
        return *super().ports, *second


class FreeSwitch(Registrar):
    """The table is `sofia xmlstatus profile NAME reg`."""

    OPTION_SETS = OPTION_SETS
    # Of a contact renewed with another expiry it deletes the older rows from a queue (sofia_reg.c,
    # sofia_glue_execute_sql), and the newest with them where that comes before its turn.
    settled_seconds = 0.6
    # Rows of one URI differ by display name or Call-ID: the phone behind them is one.
    counts_rows = False
    # Two users to it, and where both have one contact it deletes the other's without an event.
    varies_case = False
    # Where it asks for no password, a REGISTER without a Contact ends all of the user's rows.
    asks_what_there_is = False

    def __init__(self, folder: Path, options: FreeSwitchOptions) -> None:
        self._options = options
        self.authenticates = options.asks_password
        self._names = PROFILES[: options.profiles]
        super().__init__(folder)

    def start_server(self, folder: Path) -> list[int]:
        self._server = _Server(folder, self._options)
        self._socket = EventSocket(self._server.event_socket)
        return [self._server.port, self._server.second_port][: self._options.profiles]

    def make_producer(self, publisher: Any, stage: Stage) -> Callable[[], None]:
        given: dict[str, Any] = {} if self._options.silent else _settings(self._options)
        settings = FreeSwitchSettings(
            node=NODE,
            port=self._server.event_socket,
            sip_ports=self._sip_ports(),
            snapshot_interval_seconds=NEVER,
            **given,
        )

        def run() -> None:
            # Made in the thread that runs it: its greenlets are of that thread.
            producer = FreeSwitchProducer(settings, publisher, stage)
            run_and_close(producer.run, producer._intake.kernel)()

        return run

    def list_rows(self) -> list[Row]:
        rows: dict[tuple[str, ...], Row] = {}
        for profile in self._names:
            place = "shared" if self._options.shared else profile
            for row in rows_of_node(self._socket.api(rows_command(profile)), None):
                port = int(row.network_port) if row.network_port.isdecimal() else None
                path = "fs_path" if "fs_path=" in row.contact and not _is_nat(row.contact) else None
                rows[row.user, row.contact, row.call_id, place] = Row(
                    row.user, row.contact, row.call_id, port=port, path=path
                )
        return list(rows.values())

    def remove(self, rows: Iterable[Row]) -> None:
        for call_id in {row.call_id for row in rows}:
            for profile in self._names:
                self._socket.api(f"sofia profile {profile} flush_inbound_reg {call_id}")

    def stop_server(self) -> None:
        self._socket.close()
        self._server.kill()

    def _sip_ports(self) -> list[int]:
        return [self._server.port, self._server.second_port][: self._options.profiles]


def _is_nat(contact: str) -> bool:
    """Whether its fs_path is the switch's own, and no Path of a proxy."""
    return "fs_nat=yes" in contact


def _settings(options: FreeSwitchOptions) -> dict[str, Any]:
    """The producer's settings that correspond, as far as it has them."""
    wanted = {"multiple_registrations": _MULTIPLE.get(options.multiple, options.multiple)}
    known = FreeSwitchSettings.model_fields
    return {name: value for name, value in wanted.items() if name in known}


__all__ = ["OPTION_SETS", "FreeSwitch", "FreeSwitchOptions"]
