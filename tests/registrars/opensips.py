"""A real OpenSIPS of one option set, with the product's producer beside it."""

import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from producers.opensips.settings import OpenSipsSettings
from producers.opensips.stage import OpenSipsProducer
from runtime.stage import Stage
from tests.live.opensips_server import OpenSipsServer
from tests.registrars.json_rpc import ask
from tests.registrars.registrar import NEVER, NODE, Registrar, replaced, run_and_close
from tests.registrars.story import DOMAIN
from tests.registrars.table import Row

_NAT = {
    "none": "",
    "received": "fix_nated_register();",
    "contact": "fix_nated_contact();",
    "both": "fix_nated_register(); fix_nated_contact();",
}
# db_sqlite fails to load what was stored, db_text cannot serve as the only table (3.6.8).
_DATABASES = {
    "single-instance-sql-write-through": "text",
    "single-instance-sql-write-back": "text",
    "sql-only": "sqlite",
}
_MATCHING = {0: "contact", 1: "contact-callid"}


@dataclass(frozen=True, slots=True)
class OpenSipsOptions:
    """What the configuration says, and, unless `silent`, the producer's settings, too."""

    case_sensitive: bool = True
    matching: int = 0  # usrloc's matching_mode
    save: str = ""  # flags of save()
    nat: str = "received"
    use_domain: bool = True
    preset: str = "single-instance-no-db"
    push: bool = False
    extra: tuple[tuple[str, str, int | str], ...] = ()
    silent: bool = False
    profiles: int = 1

    @property
    def name(self) -> str:
        given = {field: getattr(self, field) for field in self.__slots__}
        default = OpenSipsOptions()
        changed = [f"{f}={v}" for f, v in given.items() if v != getattr(default, f)]
        return " ".join(changed) or "defaults"


OPTION_SETS = (
    OpenSipsOptions(),
    OpenSipsOptions(case_sensitive=False, nat="none"),
    OpenSipsOptions(matching=1),
    OpenSipsOptions(matching=1, silent=True, nat="contact"),
    OpenSipsOptions(save="max-contacts=1"),
    OpenSipsOptions(save="max-contacts=1,force-registration", silent=True),
    OpenSipsOptions(save="max-contacts=1,force-registration"),
    OpenSipsOptions(save="max-contacts=2,force-registration", nat="contact"),
    OpenSipsOptions(save="matching-mode=1"),
    OpenSipsOptions(save="matching-mode=<rinstance>"),
    OpenSipsOptions(save="path-lazy,path-received"),
    OpenSipsOptions(save="path-strict", nat="none"),
    OpenSipsOptions(save="path-off", nat="both"),
    OpenSipsOptions(use_domain=False),
    OpenSipsOptions(preset="single-instance-sql-write-through"),
    OpenSipsOptions(preset="single-instance-sql-write-back"),
    OpenSipsOptions(preset="sql-only"),
    OpenSipsOptions(push=True),
    OpenSipsOptions(
        extra=(
            ("registrar", "min_expires", 60),
            ("registrar", "max_expires", 300),
            ("registrar", "default_expires", 90),
            ("usrloc", "desc_time_order", 1),
        )
    ),
)


class _Server(OpenSipsServer):
    """Configured as docs/opensips.md says, and then as the options do."""

    def __init__(self, folder: Path, options: OpenSipsOptions) -> None:
        self._options = options
        super().__init__(folder)

    def start(self) -> None:
        self.database = database = self._folder / _DATABASES.get(self._options.preset, "")
        self._config.write_text(_tuned(self._config.read_text(), self._options, database))
        if _has_database(self._options):
            _make_database(self._program.parents[1] / "share" / "opensips", database)
        super().start()


class OpenSips(Registrar):
    """The table is `ul_dump`."""

    OPTION_SETS = OPTION_SETS

    def __init__(self, folder: Path, options: OpenSipsOptions) -> None:
        self._options = options
        if "write-back" in options.preset:
            self.deadline_seconds = 2.5  # its timer raises the deletions: timer_interval is 1 s
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
            return _stored(self._server.database)
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
        aor, contact["Contact"], contact["Callid"], contact["Cseq"], path=contact.get("Path")
    )


def _stored(database: Path) -> list[Row]:
    """What the database holds where OpenSIPS keeps nothing in memory."""
    query = (
        "SELECT username || '@' || domain, contact, callid, cseq, path FROM location "
        "WHERE expires = 0 OR expires > ?"
    )
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        found = opened.execute(query, (int(time.time()),)).fetchall()
    return [Row(aor, uri, call_id, cseq, path=path) for aor, uri, call_id, cseq, path in found]


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


def _has_database(options: OpenSipsOptions) -> bool:
    return options.preset in _DATABASES


def _make_database(schemas: Path, database: Path) -> None:
    if database.name == "text":
        database.mkdir()
        for name in ("version", "location"):
            shutil.copy(schemas / "dbtext" / "opensips" / name, database)
        return
    with sqlite3.connect(database) as made:
        for name in ("standard", "usrloc"):
            made.executescript((schemas / "sqlite" / f"{name}-create.sql").read_text())


def _tuned(text: str, options: OpenSipsOptions, database: Path) -> str:
    parameters: list[tuple[str, str, int | str]] = [
        ("registrar", "case_sensitive", int(options.case_sensitive)),
        ("usrloc", "matching_mode", options.matching),
        *options.extra,
    ]
    lines = ""
    if _has_database(options):
        lines += f'loadmodule "db_{database.name}.so"\n'
        parameters.append(("usrloc", "db_url", f"{database.name}://{database}"))
    if options.push:
        parameters += [("registrar", "pn_enable", 1), ("registrar", "pn_providers", "apns, fcm")]
        lines += "" if "event_routing.so" in text else 'loadmodule "event_routing.so"\n'
    lines += "".join(
        f'modparam("{module}", "{name}", {json.dumps(value)})\n'
        for module, name, value in parameters
    )
    text = replaced(text, "\nroute {", f"\n{lines}\nroute {{")
    text = replaced(text, '"single-instance-no-db"', f'"{options.preset}"')
    text = text.replace('"use_domain", 1', f'"use_domain", {int(options.use_domain)}')
    text = replaced(text, "fix_nated_register();", _NAT[options.nat])
    flags = f', "{options.save}"' if options.save else ""
    return replaced(text, 'save("location");', f'save("location"{flags});')
