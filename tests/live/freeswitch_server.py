"""A real FreeSWITCH for the tests, its profile set as docs/freeswitch.md says, on its own ports."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from local.network import free_port
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN, PASSWORD
from tests.live.programs import need_program

_MODULES = ("commands", "dptools", "dialplan_xml", "event_socket", "sofia")
_Parameters = Mapping[str, str | int]
_PROFILE: dict[str, str | int] = {
    "sip-ip": "127.0.0.1",
    "rtp-ip": "127.0.0.1",
    "context": "default",
    "codec-prefs": "PCMU",
    "auth-calls": "false",
    "challenge-realm": DOMAIN,
    "force-register-domain": DOMAIN,
    "force-register-db-domain": DOMAIN,
    "manage-presence": "false",
    # As docs/freeswitch.md has it.
    "tcp-unreg-on-socket-close": "true",
    "multiple-registrations": "contact",
}
# Of FreeSWITCH's own conf/vanilla: without its presence_id a leg is nobody's.
_USER = "${dialed_user}@${dialed_domain}"
_DIAL = f"{{presence_id={_USER}}}${{sofia_contact(*/{_USER})}}"


class FreeSwitchServer(ServerProcess):
    """Calls go to the registered user whose name was dialled.

    `profiles`: what each Sofia profile has other than docs/freeswitch.md says; `verto`: whether
    there is a Verto profile, `lan`.
    """

    # Its own log has the name that is usual.
    name = "freeswitch-output"
    start_seconds = 60
    more_modules: tuple[str, ...] = ()
    more_configuration = ""

    def __init__(
        self,
        folder: Path,
        users: Iterable[str],
        profiles: Mapping[str, _Parameters] | None = None,
        *,
        verto: bool = False,
    ) -> None:
        self._program = need_program("ROLLCALL_TEST_FREESWITCH", "freeswitch")
        self._profiles = profiles or {"internal": {}}
        self.profile_ports = {name: free_port() for name in self._profiles}
        self.port = next(iter(self.profile_ports.values()))
        self.event_socket, self.verto_port = free_port(), free_port() if verto else None
        (folder / "freeswitch.xml").write_text(self._configuration(users))
        super().__init__(folder)

    @property
    def ports(self) -> tuple[int, ...]:
        verto = () if self.verto_port is None else (self.verto_port,)
        return (*self.profile_ports.values(), self.event_socket, *verto)

    @property
    def command(self) -> Sequence[str | Path]:
        folders = [
            part
            for option in ("conf", "log", "run", "db", "cache", "temp", "htdocs", "scripts")
            for part in (f"-{option}", str(self._folder))
        ]
        return (self._program, "-nf", "-nc", "-np", "-nonat", "-nonatmap", *folders)

    @property
    def _modules(self) -> tuple[str, ...]:
        verto = () if self.verto_port is None else ("rtc", "verto")
        return (*_MODULES, *verto, *self.more_modules)

    def _configuration(self, users: Iterable[str]) -> str:
        password = f'<params><param name="password" value="{PASSWORD}"/></params>'
        modules = "".join(f'<load module="mod_{name}"/>' for name in self._modules)
        events: dict[str, str | int] = {
            "listen-ip": "127.0.0.1",
            "listen-port": self.event_socket,
            "password": "ClueCon",
        }
        sofia = "".join(
            f'<profile name="{name}"><settings>'
            f"{_parameters({**_PROFILE, 'sip-port': self.profile_ports[name], **own})}"
            "</settings></profile>"
            for name, own in self._profiles.items()
        )
        everybody = "".join(f'<user id="{name}">{password}</user>' for name in users)
        return f"""<document type="freeswitch/xml">
<section name="configuration">
  <configuration name="modules.conf"><modules>{modules}</modules></configuration>
  <configuration name="switch.conf"><settings>
    {_parameters({"max-sessions": 1000, "sessions-per-second": 200, "loglevel": "warning"})}
  </settings></configuration>
  <configuration name="event_socket.conf"><settings>{_parameters(events)}</settings></configuration>
  <configuration name="sofia.conf"><profiles>{sofia}</profiles></configuration>
  {self.more_configuration}
  <configuration name="verto.conf"><profiles>{self._verto()}</profiles></configuration>
</section>
<section name="dialplan"><context name="default">{self.dialplan()}</context></section>
<section name="directory"><domain name="{DOMAIN}">
  <params><param name="dial-string" value="{_DIAL}"/>
  <param name="jsonrpc-allowed-methods" value="verto"/></params>
  <groups><group name="all"><users>{everybody}</users></group></groups>
</domain></section>
</document>
"""

    def dialplan(self) -> str:
        """The extensions of the one context."""
        return f"""
  <extension name="user"><condition field="destination_number" expression="^(.+)$">
    <action application="set" data="hangup_after_bridge=true"/>
    <action application="bridge" data="user/$1@{DOMAIN}"/>
  </condition></extension>
"""

    def _verto(self) -> str:
        if self.verto_port is None:
            return ""
        settings: dict[str, str | int] = {
            "bind-local": f"127.0.0.1:{self.verto_port}",
            "force-register-domain": DOMAIN,
            "userauth": "true",
            "context": "default",
            "dialplan": "XML",
            "rtp-ip": "127.0.0.1",
            "apply-candidate-acl": "loopback.auto",
            "outbound-codec-string": "PCMU",
            "inbound-codec-string": "PCMU",
            "timer-name": "soft",
        }
        return f'<profile name="lan">{_parameters(settings)}</profile>'


def _parameters(values: _Parameters) -> str:
    return "".join(f'<param name="{name}" value="{value}"/>' for name, value in values.items())
