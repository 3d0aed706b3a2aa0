"""A real Kamailio for the tests, configured as in docs/kamailio.md, on ports of its own."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.network import free_port
from tests.integration.server_process import ServerProcess

_DOCUMENT = Path(__file__).parents[2] / "docs" / "kamailio.md"
_PACKAGES = "kamailio kamailio-extra-modules kamailio-utils-modules sip-tester"

_COMMON = """#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
tcp_connection_lifetime=3605
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rr.so"
"""
_REGISTRAR = """
alias="example.test"
loadmodule "nathelper.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("nathelper|registrar", "received_avp", "$avp(RECEIVED)")
modparam("usrloc", "timer_interval", 1)
modparam("usrloc", "use_domain", 1)
modparam("registrar", "min_expires", 2)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 0)
"""
_REGISTRAR_ROUTE = """
request_route {
    if (is_method("REGISTER")) {
        if (!is_present_hf("Path")) fix_nated_register();
        route(ROLLCALL_SAVE);
        exit;
    }
    if (has_totag()) {
        if (loose_route() || is_method("ACK")) t_relay();
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (!is_method("INVITE")) { sl_send_reply("405", "Not here"); exit; }
    record_route();
    route(ROLLCALL_CALL);
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"""
_EDGE_ROUTE = """
request_route {
    if (!is_method("REGISTER")) { sl_send_reply("405", "Not here"); exit; }
    route(ROLLCALL_EDGE);
    $du = "sip:127.0.0.1:%d;transport=tcp";
    t_relay();
}
"""


def need_programs(*names: str, modules: Sequence[str] = ("evapi",)) -> None:
    """Skip the test where these are not installed, or Kamailio lacks a module."""
    folders = list(Path("/usr/lib").glob("*/kamailio/modules"))
    lacking = [one for one in modules if not any((at / f"{one}.so").exists() for at in folders)]
    if lacking or not all(shutil.which(name) for name in names):
        wanted = ", ".join((*names, *modules))
        pytest.skip(f"needs {wanted}: apt-get install {_PACKAGES}")


class KamailioServer(ServerProcess):
    """A registrar; with `registrar_port` a proxy that passes REGISTERs on to it."""

    name = "kamailio"

    def __init__(self, folder: Path, *, registrar_port: int | None = None) -> None:
        need_programs("kamailio")
        self.port, self.evapi = free_port(), free_port()
        self._config = folder / "kamailio.cfg"
        text = _configuration(registrar_port)
        self._config.write_text(
            text.replace("127.0.0.1:8448", f"127.0.0.1:{self.evapi}").replace(
                "{port}", str(self.port)
            )
        )
        super().__init__(folder)

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/RPC"

    @property
    def ports(self) -> tuple[int, ...]:
        return self.port, self.evapi

    @property
    def command(self) -> Sequence[str | Path]:
        place = ("-f", self._config, "-Y", self._folder)
        return ("kamailio", "-DD", "-E", *place, "-m", "64", "-M", "16")


def _configuration(registrar_port: int | None) -> str:
    blocks: list[str] = re.findall(
        r"^```\n(.*?)^```$", _DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )
    registrar_modules, registrar_routes, edge_modules, edge_routes, dialogs, calls = blocks
    if registrar_port is None:
        modules = _COMMON + _REGISTRAR + registrar_modules + dialogs
        return modules + _REGISTRAR_ROUTE + registrar_routes + calls
    shared = [
        routes
        for routes in registrar_routes.split("\n\n")
        if routes.startswith(
            (
                "route[ROLLCALL_TELL]",
                "event_route[evapi:message-received]",
                "event_route[xhttp:request]",
            )
        )
    ]
    own = [edge_modules, _EDGE_ROUTE % registrar_port, edge_routes, *shared]
    return _COMMON + "\n".join(own)
