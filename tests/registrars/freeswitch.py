"""A real FreeSWITCH of one option set, with the product's producer beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.network import free_port
from producers.freeswitch.listing import rows_command, rows_of_node
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.stage import FreeSwitchProducer
from runtime.stage import Stage
from tests.live.freeswitch_server import FreeSwitchServer
from tests.registrars.event_socket import EventSocket
from tests.registrars.registrar import NEVER, NODE, Registrar, replaced, run_and_close
from tests.registrars.table import Row

# The switch's own words for what the producer's setting calls otherwise.
_MULTIPLE = {None: "off", "false": "off", "true": "contact"}
_PROFILES = ("internal", "external")


@dataclass(frozen=True, slots=True)
class FreeSwitchOptions:
    """Of both profiles; `shared`: they keep their registrations in one database."""

    multiple: str | None = "contact"  # multiple-registrations; None: not set
    profiles: int = 1
    shared: bool = False
    force_domain: bool = True
    unregisters_on_close: bool = True
    nat: bool = False  # every client is behind NAT: its contact gets fs_nat and fs_path
    silent: bool = False

    @property
    def name(self) -> str:
        given = {field: getattr(self, field) for field in self.__slots__}
        default = FreeSwitchOptions()
        changed = [f"{f}={v}" for f, v in given.items() if v != getattr(default, f)]
        return " ".join(changed) or "defaults"


OPTION_SETS = (
    FreeSwitchOptions(),
    FreeSwitchOptions(multiple=None),
    FreeSwitchOptions(multiple=None, silent=True),
    FreeSwitchOptions(multiple="call-id"),
    FreeSwitchOptions(multiple="call-id", silent=True),
    FreeSwitchOptions(multiple="true", force_domain=False),
    FreeSwitchOptions(multiple="false", unregisters_on_close=False),
    FreeSwitchOptions(unregisters_on_close=False),
    FreeSwitchOptions(nat=True),
    FreeSwitchOptions(multiple=None, nat=True),
    FreeSwitchOptions(profiles=2),
    FreeSwitchOptions(profiles=2, shared=True),
    FreeSwitchOptions(profiles=2, shared=True, multiple=None),
    FreeSwitchOptions(profiles=2, multiple="call-id", shared=True),
)


class _Server(FreeSwitchServer):
    """Configured as docs/freeswitch.md says, and then as the options do; takes any user."""

    def __init__(self, folder: Path, options: FreeSwitchOptions) -> None:
        self._options = options
        self.second_port = free_port()
        super().__init__(folder, ())

    def start(self) -> None:
        place = self._folder / "freeswitch.xml"
        place.write_text(_tuned(place.read_text(), self._options, self.second_port))
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
    # Two users to it, and where both have one contact it deletes the other's without an event.
    varies_case = False
    # Where it asks for no password, a REGISTER without a Contact ends all of the user's rows.
    asks_what_there_is = False

    def __init__(self, folder: Path, options: FreeSwitchOptions) -> None:
        self._options = options
        self._names = _PROFILES[: options.profiles]
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


def _tuned(text: str, options: FreeSwitchOptions, second_port: int) -> str:
    whole = '<param name="multiple-registrations" value="contact"/>'
    parameters = {"accept-blind-reg": "true"}
    if options.multiple is not None:
        parameters["multiple-registrations"] = options.multiple
    if options.shared:
        parameters["dbname"] = "shared"
    if options.nat:
        parameters["apply-nat-acl"] = "any_v4.auto"
    lines = "".join(f'<param name="{name}" value="{v}"/>' for name, v in parameters.items())
    text = replaced(text, whole, lines)
    if not options.unregisters_on_close:
        text = replaced(text, '"tcp-unreg-on-socket-close" value="true"', '"x" value="true"')
    if not options.force_domain:
        text = text.replace('"force-register-domain"', '"y"')
        text = text.replace('"force-register-db-domain"', '"z"')
    if options.profiles == 1:
        return text
    begin, end = text.index("<profile name="), text.index("</profile>") + len("</profile>")
    first = text[begin:end]
    second = first.replace('"internal"', '"external"')
    head, _, tail = second.partition('<param name="sip-port" value="')
    second = f'{head}<param name="sip-port" value="{second_port}{tail[tail.index(chr(34)) :]}'
    return f"{text[:end]}{second}{text[end:]}"
