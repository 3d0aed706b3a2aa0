"""A real Kamailio of one option set, with the product's producer beside it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from producers.kamailio.settings import KamailioSettings
from producers.kamailio.stage import KamailioProducer
from runtime.stage import Stage
from tests.integration.kamailio_server import KamailioServer
from tests.registrars.json_rpc import ask
from tests.registrars.kamailio_options import OPTION_SETS, KamailioOptions, tuned
from tests.registrars.registrar import NEVER, NODE, Registrar, run_and_close
from tests.registrars.script import DOMAIN
from tests.registrars.table import Row, client_port


class _Server(KamailioServer):
    """Configured as in docs/kamailio.md, with the options of the run."""

    def __init__(self, folder: Path, options: KamailioOptions) -> None:
        self._options = options
        super().__init__(folder)

    def start(self) -> None:
        self._config.write_text(tuned(self._config.read_text(), self._options))
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
        return run_and_close(producer.run, producer.intake.kernel)

    def list_rows(self) -> list[Row]:
        reply = ask(self._server.port, "/RPC", "ul.dump")
        # After the contacts, so that the connection of one just made is there.
        live = {one["id"] for one in ask(self._server.port, "/RPC", "core.tcp_list")}
        rows = []
        for domain in reply["Domains"]:
            for user in domain["Domain"]["AoRs"]:
                info = user["Info"]
                aor = info["AoR"] if self._options.use_domain else f"{info['AoR']}@{DOMAIN}"
                rows += [_row(aor, each["Contact"], live) for each in info["Contacts"]]
        return [row for row in rows if row is not None]

    def remove(self, rows: Iterable[Row]) -> None:
        for aor in {row.aor for row in rows}:
            name = aor if self._options.use_domain else aor.rpartition("@")[0]
            ask(self._server.port, "/RPC", "ul.rm", ["location", name])

    def stop_server(self) -> None:
        self._server.kill()


def _row(aor: str, contact: dict[str, Any], live: set[int]) -> Row | None:
    if not isinstance(contact["Expires"], int):  # "deleted", "expired"; "permanent" has no REGISTER
        return None
    path = contact["Path"]
    return Row(
        aor,
        contact["Address"],
        contact["Call-ID"],
        contact["CSeq"],
        port=client_port(contact["Received"], contact["Address"]),
        path=None if path == "[not set]" else path,
        is_dead=contact["Tcpconn-Id"] > 0 and contact["Tcpconn-Id"] not in live,
    )


def _settings(options: KamailioOptions) -> dict[str, Any]:
    """The producer's settings that correspond, as far as it has them."""
    wanted: dict[str, Any] = {
        "matching": ("contact", "contact-callid", "contact-path", "callid")[options.matching],
        "only_one_contact": options.only_one,
    }
    return {name: value for name, value in wanted.items() if name in KamailioSettings.model_fields}


__all__ = ["OPTION_SETS", "Kamailio", "KamailioOptions"]
