"""Callers' servers that ask the gateway for routes, configured as in docs/routing.md."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from local.network import free_port
from tests.integration.kamailio_server import need_programs
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN
from tests.integration.sip_phone import Message, SipPhone

_DOCUMENT = Path(__file__).parents[2] / "docs" / "routing.md"
# What the callers' servers may need to go on without the gateway.
FALLBACK_SECONDS = 0.2

_KAMAILIO = """#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rr.so"
"""
_KAMAILIO_ROUTES = """
request_route {
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
    route(ROLLCALL_ROUTE);
}

route[FALLBACK] {
    $du = "sip:127.0.0.1:{fallback}";
    t_relay();
}
"""


def block(language: str, *marks: str) -> list[str]:
    """The blocks of docs/routing.md in this language that hold all of these texts, in order."""
    pattern = rf"^```{language}\n(.*?)^```$"
    found: list[str] = re.findall(pattern, _DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [one for one in found if all(mark in one for mark in marks)]


class KamailioCaller(ServerProcess):
    """A proxy without users: it asks the gateway for everybody, and falls back to `fallback`.

    `module`: which one asks, and where it is unless Debian brings it.
    """

    name = "kamailio-caller"

    def __init__(
        self, folder: Path, gateway: str, fallback: int, module: str, place: Path | None = None
    ) -> None:
        need_programs("kamailio", modules=("jansson", *(() if place else (module,))))
        self.port = free_port()
        (asking,) = block("", f'"{module}.so"', "route[ROLLCALL_ROUTE]")
        asking = asking.replace("http://127.0.0.1:8096", gateway)
        if place is not None:
            asking = asking.replace(f'"{module}.so"', f'"{place}"')
        text = _KAMAILIO + asking + _KAMAILIO_ROUTES
        self._config = folder / "kamailio.cfg"
        self._config.write_text(
            text.replace("{port}", str(self.port)).replace("{fallback}", str(fallback))
        )
        super().__init__(folder)

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def command(self) -> Sequence[str | Path]:
        place = ("-f", self._config, "-Y", self._folder)
        return ("kamailio", "-DD", "-E", *place, "-m", "64", "-M", "16")


def reachable(gateway: str, user: str) -> bool:
    """Whether the gateway has a route to this user."""
    url = f"{gateway}/v1/users/sip:{user}@{DOMAIN}/route"
    return httpx.get(url, trust_env=False).status_code == 200


def reached(caller: SipPhone, callee: SipPhone) -> tuple[Message, float]:
    """Call, answer and hang up; the INVITE as the callee got it, and after how many seconds."""
    began = time.monotonic()
    sent = caller.call(callee.user)
    invite = callee.rung()
    seconds = time.monotonic() - began
    callee.answer(invite)
    dialog = caller.answered(sent)
    caller.hang_up(dialog)
    callee.hung_up()
    return invite, seconds
