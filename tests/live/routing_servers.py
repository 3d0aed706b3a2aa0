"""FreeSWITCH and OpenSIPS servers that ask the gateway for routes, as docs/routing.md has it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from local.network import free_port
from tests.integration.routing import block
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.programs import need_program

_CONFERENCE = """
  <configuration name="conference.conf"><caller-controls/><profiles><profile name="default">
    <param name="domain" value="127.0.0.1"/><param name="rate" value="8000"/>
    <param name="interval" value="20"/><param name="energy-level" value="100"/>
    <param name="comfort-noise" value="false"/>
  </profile></profiles></configuration>
"""
_OPENSIPS = """
log_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=2
tcp_workers=2
socket=udp:127.0.0.1:{port}
socket=tcp:127.0.0.1:{port}
mpath="{modules}/"
loadmodule "proto_udp.so"
loadmodule "proto_tcp.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "sipmsgops.so"
loadmodule "signaling.so"
"""
_OPENSIPS_ROUTES = """
route {
    if (has_totag()) {
        loose_route();
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) {
        t_relay();
        exit;
    }
    if (!is_method("INVITE")) {
        sl_send_reply(405, "Not here");
        exit;
    }
    record_route();
    route(ask_gateway);
}

route[fallback] {
    $du = "sip:127.0.0.1:{fallback}";
    t_relay();
}
"""


class RoutingSwitch(FreeSwitchServer):
    """A FreeSWITCH that asks the gateway; the caller sets `gateway` before the first call."""

    more_modules = ("curl", "conference", "sndfile", "tone_stream")
    more_configuration = _CONFERENCE

    def __init__(self, folder: Path, users: Iterable[str], node: str, gateway: str) -> None:
        self._node, self._gateway = node, gateway
        super().__init__(folder, users)

    def dialplan(self) -> str:
        (conference,) = block("xml", "rollcall-conference")
        (users,) = block("xml", "rollcall-route")
        text = conference + users
        return text.replace("http://127.0.0.1:8096", self._gateway).replace(
            "from=fs1", f"from={self._node}"
        )


class OpenSipsCaller(ServerProcess):
    """A proxy without users: it asks the gateway for everybody, and falls back to `fallback`."""

    name = "opensips-caller"

    def __init__(self, folder: Path, gateway: str, fallback: int) -> None:
        self._program = need_program("ROLLCALL_TEST_OPENSIPS", "opensips")
        self.port = free_port()
        (asking,) = block("", "rest_client.so")
        modules = min(self._program.parents[1].glob("lib*/opensips/modules"))
        text = _OPENSIPS + asking.replace("http://127.0.0.1:8096", gateway) + _OPENSIPS_ROUTES
        for name, value in (("port", self.port), ("fallback", fallback), ("modules", modules)):
            text = text.replace(f"{{{name}}}", str(value))
        self._config = folder / "opensips.cfg"
        self._config.write_text(text)
        super().__init__(folder)

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def command(self) -> Sequence[str | Path]:
        return (self._program, "-F", "-f", self._config, "-m", "128", "-M", "16")


assert DOMAIN == "example.test", "as docs/routing.md has it"
