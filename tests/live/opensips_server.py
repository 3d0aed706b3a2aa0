"""A real OpenSIPS for the tests, configured as in docs/opensips.md, on ports of its own."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from local.network import free_port
from tests.integration.server_process import ServerProcess
from tests.live.programs import need_program

# As opensips-cli makes them (scripts/sqlite of OpenSIPS 3.x): what usrloc reads and writes.
_TABLES = """
CREATE TABLE version (table_name CHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL);
INSERT INTO version VALUES ('location', 1013);
CREATE TABLE location (
    contact_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username CHAR(64) DEFAULT '' NOT NULL, domain CHAR(64), contact TEXT NOT NULL,
    received CHAR(255), path CHAR(255), expires INTEGER NOT NULL, q FLOAT(10,2) DEFAULT 1.0,
    callid CHAR(255) NOT NULL, cseq INTEGER NOT NULL, last_modified DATETIME NOT NULL,
    flags INTEGER DEFAULT 0 NOT NULL, cflags CHAR(255), user_agent CHAR(255) DEFAULT '' NOT NULL,
    socket CHAR(64), methods INTEGER, sip_instance CHAR(255), kv_store TEXT(512), attr CHAR(255)
);
"""
_DOCUMENT = Path(__file__).parents[2] / "docs" / "opensips.md"

_COMMON = """
log_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=2
tcp_workers=2
socket=udp:127.0.0.1:{port}
socket=tcp:127.0.0.1:{port}
alias=udp:example.test:5060
tcp_connection_lifetime=3605
mpath="{modules}/"
loadmodule "proto_udp.so"
loadmodule "proto_tcp.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "sipmsgops.so"
loadmodule "signaling.so"
loadmodule "httpd.so"
modparam("httpd", "ip", "127.0.0.1")
modparam("httpd", "port", {http})
loadmodule "nathelper.so"
"""
MEMORY = """
modparam("usrloc", "working_mode_preset", "single-instance-no-db")
"""
# With a database: the module that brings it comes before usrloc's parameters.
DATABASE = """
loadmodule "db_sqlite.so"
modparam("usrloc", "db_url", "sqlite://{database}")
modparam("usrloc", "working_mode_preset", "%s")
"""
_REGISTRAR = """
loadmodule "usrloc.so"
{usrloc}
modparam("usrloc", "use_domain", 1)
modparam("usrloc", "timer_interval", 1)
modparam("nathelper", "received_avp", "$avp(received)")
loadmodule "event_routing.so"
loadmodule "registrar.so"
modparam("registrar", "received_avp", "$avp(received)")
modparam("registrar", "min_expires", 2)
{more}
loadmodule "dialog.so"
loadmodule "acc.so"
"""
_REGISTRAR_ROUTE = """
route {
    # What it relays may come back to it.
    if (!mf_process_maxfwd_header(10)) {
        sl_send_reply(483, "Too Many Hops");
        exit;
    }
    if (has_totag()) {
        loose_route();
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) {
        t_relay();
        exit;
    }
    if (is_method("REGISTER")) {
        fix_nated_register();
        {save};
        exit;
    }
    if (!is_method("INVITE")) {
        sl_send_reply(405, "Not here");
        exit;
    }
    record_route();
    %s
    if (!lookup("location")) {
        t_reply(404, "Not Found");
        exit;
    }
    t_relay();
}
"""


_EDGE = """
modparam("path", "use_received", 1)
"""
_EDGE_ROUTE = """
route {
    if (!is_method("REGISTER")) {
        record_route();
        # The Route of the registrar's own Path leads to the client's connection.
        if (!loose_route())
            $du = "sip:127.0.0.1:{registrar};transport=tcp";
        t_relay();
        exit;
    }
    $du = "sip:127.0.0.1:{registrar};transport=tcp";
    route(to_registrar);
}
"""


class OpenSipsServer(ServerProcess):
    """A registrar and proxy of OpenSIPS 3.x; with `registrar_port` a proxy before that registrar.

    `events` is where its producer is to listen. `usrloc` is MEMORY, or DATABASE with a preset, and
    more parameters; `registrar` more of that module's; `save` the call that stores a REGISTER.
    """

    name = "opensips"

    def __init__(
        self,
        folder: Path,
        *,
        registrar_port: int | None = None,
        usrloc: str = MEMORY,
        registrar: str = "",
        save: str = 'save("location")',
    ) -> None:
        self._registrar_port = registrar_port
        self._usrloc, self._registrar, self._save = usrloc, registrar, save
        self._database = folder / "usrloc.sqlite"
        if "{database}" in usrloc:
            with closing(sqlite3.connect(self._database)) as database:
                database.executescript(_TABLES)
        self._program = need_program("ROLLCALL_TEST_OPENSIPS", "opensips")
        self.port, self.http, self.events = free_port(), free_port(), free_port()
        self._config = folder / "opensips.cfg"
        self._config.write_text(self._configuration())
        super().__init__(folder)

    @property
    def mi_url(self) -> str:
        return f"http://127.0.0.1:{self.http}/mi"

    @property
    def ports(self) -> tuple[int, ...]:
        return self.port, self.http

    @property
    def command(self) -> Sequence[str | Path]:
        return (self._program, "-F", "-f", self._config, "-m", "128", "-M", "16")

    def _configuration(self) -> str:
        text = _DOCUMENT.read_text()
        blocks: list[str] = re.findall(r"^ *```\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
        (events,) = (b for b in blocks if "event_stream.so" in b)
        (call,) = (b for b in blocks if "create_dialog" in b)
        (accounting,) = (b for b in blocks if "do_accounting" in b)
        (edge,) = (b for b in blocks if "route[to_registrar]" in b)
        extras, account = accounting.split("…\n")
        if self._registrar_port is None:
            routes = _REGISTRAR_ROUTE % "\n    ".join((*call.splitlines(), *account.splitlines()))
            parts = [_COMMON, _REGISTRAR, extras, events, routes]
        else:
            # What a proxy has not cannot be subscribed to either.
            events = re.sub(r".*E_(UL|DLG|ACC|ROLLCALL)_.*\n", "", events)
            modules, _, edge = edge.partition("startup_route {\n")
            startup, _, routes = edge.partition("}\n")
            events = events.replace("startup_route {\n", f"startup_route {{\n{startup}")
            parts = [_COMMON, modules, _EDGE, events, routes, _EDGE_ROUTE]
        whole = "\n".join(parts).replace("127.0.0.1:8767", f"127.0.0.1:{self.events}")
        # Where lib64 links to lib both are there.
        folder = min(self._program.parents[1].glob("lib*/opensips/modules"))
        given = {
            "{usrloc}": self._usrloc,
            "{more}": self._registrar,
            "{save}": self._save,
            "{database}": self._database,
            "{port}": self.port,
            "{http}": self.http,
            "{modules}": folder,
            "{registrar}": self._registrar_port,
        }
        for name, value in given.items():
            whole = whole.replace(name, str(value))
        return whole
