"""A real OpenSIPS of one option set, with the product's producer beside it."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from producers.opensips.settings import OpenSipsSettings
from producers.opensips.stage import OpenSipsProducer
from runtime.stage import Stage
from tests.live.opensips_server import OpenSipsServer
from tests.registrars.json_rpc import ask
from tests.registrars.opensips_database import make, stored
from tests.registrars.opensips_options import (
    DATABASES,
    OPTION_SETS,
    OpenSipsOptions,
    has_database,
    tuned,
)
from tests.registrars.registrar import NEVER, NODE, Registrar, run_and_close
from tests.registrars.script import DOMAIN
from tests.registrars.table import Row, client_port

_MATCHING = {0: "contact", 1: "contact-callid"}


class _Server(OpenSipsServer):
    """Configured as in docs/opensips.md, with the options of the run."""

    def __init__(self, folder: Path, options: OpenSipsOptions) -> None:
        self._options = options
        super().__init__(folder)

    def start(self) -> None:
        self.database = database = self._folder / DATABASES.get(self._options.preset, "")
        self._config.write_text(tuned(self._config.read_text(), self._options, database))
        if has_database(self._options):
            make(self._program.parents[1] / "share" / "opensips", database)
        super().start()


class OpenSips(Registrar):
    """The table is `ul_dump`."""

    OPTION_SETS = OPTION_SETS

    def __init__(self, folder: Path, options: OpenSipsOptions) -> None:
        self._options = options
        if "write-back" in options.preset:
            self.deadline_seconds = 2.5  # its timer raises the deletions: timer_interval is 1 s
        elif options.preset == "sql-only":
            self.deadline_seconds = 1.5  # what its events report is asked for 0.3 s later
        # Without either usrloc does not learn which connection a contact came over.
        self.knows_connections = options.nat != "none"
        super().__init__(folder)

    def start_server(self, folder: Path) -> list[int]:
        self._server = _Server(folder, self._options)
        return [self._server.port]

    def make_producer(self, publisher: Any, stage: Stage) -> Callable[[], None]:
        options = self._options
        given: dict[str, Any] = {} if options.silent else _settings(options)
        settings = OpenSipsSettings(
            node=NODE,
            listen_stream=f"127.0.0.1:{self._server.events}",
            listen_datagram="off",
            mi_url=self._server.mi_url,
            sip_ports=[self._server.port],
            domain=None if options.use_domain else DOMAIN,
            case_sensitive=options.case_sensitive,
            snapshot_interval_seconds=NEVER,
            **given,
        )
        producer = OpenSipsProducer(settings, publisher, stage)
        return run_and_close(producer.run, producer.intake.kernel)

    def list_rows(self) -> list[Row]:
        if self._options.preset == "sql-only":
            return stored(self._server.database)
        rows = []
        for domain in ask(self._server.http, "/mi", "ul_dump")["Domains"]:
            for user in domain["AORs"]:
                name = user["AOR"] if self._options.use_domain else f"{user['AOR']}@{DOMAIN}"
                rows += [_row(name, contact) for contact in user["Contacts"]]
        return [row for row in rows if row is not None]

    def remove(self, rows: Iterable[Row]) -> None:
        if self._options.preset == "sql-only":
            return  # its events are of whom it asks for: nobody asks for these any more
        for aor in {row.aor for row in rows}:
            name = aor if self._options.use_domain else aor.rpartition("@")[0]
            ask(self._server.http, "/mi", "ul_rm", {"table_name": "location", "aor": name})

    def stop_server(self) -> None:
        self._server.kill()


def _row(aor: str, contact: dict[str, Any]) -> Row | None:
    if not isinstance(contact["Expires"], int):  # "deleted", "expired"; "permanent" has no REGISTER
        return None
    return Row(
        aor,
        contact["Contact"],
        contact["Callid"],
        contact["Cseq"],
        port=client_port(contact.get("Received"), contact["Contact"]),
        path=contact.get("Path"),
    )


def _settings(options: OpenSipsOptions) -> dict[str, Any]:
    """The producer's settings that correspond, as far as it has them."""
    matching = 1 if "matching-mode=1" in options.save else options.matching
    by_parameter = re.search(r"matching-mode=<(\w+)>", options.save)
    most = re.search(r"max-contacts=(\d+)", options.save)
    wanted: dict[str, Any] = {
        "matching": _MATCHING[matching],
        "match_params": [by_parameter[1]] if by_parameter else [],
        "max_contacts": int(most[1]) if most else None,
        "usrloc": "database" if options.preset == "sql-only" else "auto",
    }
    if options.push:
        wanted["match_params"] = ["pn-provider", "pn-prid", "pn-param"]
    return {name: value for name, value in wanted.items() if name in OpenSipsSettings.model_fields}


__all__ = ["OPTION_SETS", "OpenSips", "OpenSipsOptions"]
