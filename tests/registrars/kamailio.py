"""A real Kamailio of one option set, with the product's producer beside it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from producers.kamailio.settings import KamailioSettings
from producers.kamailio.stage import KamailioProducer
from runtime.stage import Stage
from tests.integration.kamailio_server import KamailioServer
from tests.registrars.json_rpc import ask
from tests.registrars.registrar import NEVER, NODE, Registrar, replaced, run_and_close
from tests.registrars.story import DOMAIN
from tests.registrars.table import Row

_NAT = {
    "none": "",
    "received": 'if (!is_present_hf("Path")) fix_nated_register();',
    "contact": "fix_nated_contact();",
    "alias": "set_contact_alias();",
    "alias and received": "fix_nated_register(); set_contact_alias();",
}


@dataclass(frozen=True, slots=True)
class KamailioOptions:
    """What the configuration says, and, unless `silent`, the producer's settings, too."""

    case_sensitive: bool = False
    matching: int = 0  # usrloc's matching_mode
    max_contacts: int = 0
    max_by_xavp: bool = False
    only_one: bool = False
    nat: str = "received"
    use_domain: bool = True
    handle_lost_tcp: bool = False
    extra: tuple[tuple[str, str, int | str], ...] = ()
    silent: bool = False
    profiles: int = 1

    @property
    def name(self) -> str:
        given = {field: getattr(self, field) for field in self.__slots__}
        default = KamailioOptions()
        changed = [f"{f}={v}" for f, v in given.items() if v != getattr(default, f)]
        return " ".join(changed) or "defaults"


OPTION_SETS = (
    KamailioOptions(),
    KamailioOptions(case_sensitive=True, nat="none"),
    KamailioOptions(matching=1),
    KamailioOptions(matching=2, nat="none"),
    KamailioOptions(matching=3),
    KamailioOptions(max_contacts=1),
    KamailioOptions(max_contacts=2, nat="alias"),
    KamailioOptions(max_contacts=1, max_by_xavp=True),
    KamailioOptions(only_one=True),
    KamailioOptions(only_one=True, silent=True),
    KamailioOptions(nat="alias"),
    KamailioOptions(nat="contact"),
    KamailioOptions(nat="alias and received"),
    KamailioOptions(use_domain=False),
    KamailioOptions(matching=1, silent=True, nat="contact"),
    KamailioOptions(matching=3, silent=True, nat="none"),
    KamailioOptions(handle_lost_tcp=True),
    KamailioOptions(
        extra=(
            ("registrar", "min_expires", 60),
            ("registrar", "max_expires", 300),
            ("registrar", "default_expires", 90),
        )
    ),
    KamailioOptions(extra=(("registrar", "path_mode", 1), ("registrar", "path_use_received", 1))),
    KamailioOptions(extra=(("registrar", "gruu_enabled", 0), ("usrloc", "desc_time_order", 1))),
    KamailioOptions(extra=(("registrar", "use_path", 0),), nat="none"),
)


class _Server(KamailioServer):
    """Configured as docs/kamailio.md says, and then as the options do."""

    def __init__(self, folder: Path, options: KamailioOptions) -> None:
        self._options = options
        super().__init__(folder)

    def start(self) -> None:
        self._config.write_text(_tuned(self._config.read_text(), self._options))
        super().start()


class Kamailio(Registrar):
    """The table is `ul.dump`."""

    OPTION_SETS = OPTION_SETS

    def __init__(self, folder: Path, options: KamailioOptions) -> None:
        self._options = options
        super().__init__(folder)

    def start_server(self, folder: Path) -> list[int]:
        self._server = _Server(folder, self._options)
        return [self._server.port]

    def make_producer(self, publisher: Any, stage: Stage) -> Callable[[], None]:
        options = self._options
        given: dict[str, Any] = {} if options.silent else _settings(options)
        settings = KamailioSettings(
            node=NODE,
            evapi=f"127.0.0.1:{self._server.evapi}",
            rpc_url=self._server.rpc_url,
            sip_ports=[self._server.port],
            domain=None if options.use_domain else DOMAIN,
            case_sensitive=options.case_sensitive,
            snapshot_interval_seconds=NEVER,
            **given,
        )
        producer = KamailioProducer(settings, publisher, stage)
        return run_and_close(producer.run, producer.intake.witness)

    def list_rows(self) -> list[Row]:
        reply = ask(self._server.port, "/RPC", "ul.dump")
        rows = []
        for domain in reply["Domains"]:
            for user in domain["Domain"]["AoRs"]:
                info = user["Info"]
                aor = info["AoR"] if self._options.use_domain else f"{info['AoR']}@{DOMAIN}"
                rows += [_row(aor, each["Contact"]) for each in info["Contacts"]]
        return [row for row in rows if row is not None]

    def remove(self, rows: Iterable[Row]) -> None:
        for aor in {row.aor for row in rows}:
            name = aor if self._options.use_domain else aor.rpartition("@")[0]
            ask(self._server.port, "/RPC", "ul.rm", ["location", name])

    def stop_server(self) -> None:
        self._server.kill()


def _row(aor: str, contact: dict[str, Any]) -> Row | None:
    if not isinstance(contact["Expires"], int):  # "deleted", "expired"; "permanent" has no REGISTER
        return None
    path = contact["Path"]
    return Row(
        aor,
        contact["Address"],
        contact["Call-ID"],
        contact["CSeq"],
        path=None if path == "[not set]" else path,
    )


def _settings(options: KamailioOptions) -> dict[str, Any]:
    """The producer's settings that correspond, as far as it has them."""
    wanted: dict[str, Any] = {
        "matching": ("contact", "contact-callid", "contact-path", "callid")[options.matching],
        "only_one_contact": options.only_one,
    }
    return {name: value for name, value in wanted.items() if name in KamailioSettings.model_fields}


def _tuned(text: str, options: KamailioOptions) -> str:
    parameters: list[tuple[str, str, int | str]] = [
        ("registrar", "case_sensitive", int(options.case_sensitive)),
        ("usrloc", "matching_mode", options.matching),
        ("usrloc", "use_domain", int(options.use_domain)),
        ("usrloc", "handle_lost_tcp", int(options.handle_lost_tcp)),
        *options.extra,
    ]
    route = _NAT[options.nat]
    if options.max_contacts and options.max_by_xavp:
        parameters.append(("registrar", "xavp_cfg", "regcfg"))
        route += f"$xavp(regcfg=>max_contacts) = {options.max_contacts};"
    elif options.max_contacts:
        parameters.append(("registrar", "max_contacts", options.max_contacts))
    lines = "".join(
        f'modparam("{module}", "{name}", {json.dumps(value)})\n'
        for module, name, value in parameters
    )
    text = replaced(text, "\nrequest_route {", f"\n{lines}\nrequest_route {{")
    text = replaced(text, 'if (!is_present_hf("Path")) fix_nated_register();', route)
    if options.only_one:
        text = replaced(text, 'save("location");', 'save("location", "0x04");')
    return text
