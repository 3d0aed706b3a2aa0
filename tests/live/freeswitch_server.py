"""A real FreeSWITCH for the tests, its profile set as docs/freeswitch.md says, on its own ports."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from local.network import free_port
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN, PASSWORD
from tests.live.programs import need_program

_MODULES = ("commands", "dptools", "dialplan_xml", "event_socket", "sofia")
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
    """One profile, `internal`; calls go to the registered user whose name was dialled."""

    # Its own log has the name that is usual.
    name = "freeswitch-output"
    start_seconds = 60

    def __init__(self, folder: Path, users: Iterable[str]) -> None:
        self._program = need_program("ROLLCALL_TEST_FREESWITCH", "freeswitch")
        self.port, self.event_socket = free_port(), free_port()
        (folder / "freeswitch.xml").write_text(self._configuration(users))
        super().__init__(folder)

    @property
    def ports(self) -> tuple[int, ...]:
        return self.port, self.event_socket

    @property
    def command(self) -> Sequence[str | Path]:
        folders = [
            part
            for option in ("conf", "log", "run", "db", "cache", "temp", "htdocs", "scripts")
            for part in (f"-{option}", str(self._folder))
        ]
        return (self._program, "-nf", "-nc", "-np", "-nonat", "-nonatmap", *folders)

    def _configuration(self, users: Iterable[str]) -> str:
        password = f'<params><param name="password" value="{PASSWORD}"/></params>'
        modules = "".join(f'<load module="mod_{name}"/>' for name in _MODULES)
        events: dict[str, str | int] = {
            "listen-ip": "127.0.0.1",
            "listen-port": self.event_socket,
            "password": "ClueCon",
        }
        everybody = "".join(f'<user id="{name}">{password}</user>' for name in users)
        return f"""<document type="freeswitch/xml">
<section name="configuration">
  <configuration name="modules.conf"><modules>{modules}</modules></configuration>
  <configuration name="switch.conf"><settings>
    {_parameters({"max-sessions": 1000, "sessions-per-second": 200, "loglevel": "warning"})}
  </settings></configuration>
  <configuration name="event_socket.conf"><settings>{_parameters(events)}</settings></configuration>
  <configuration name="sofia.conf"><profiles><profile name="internal"><settings>
    {_parameters(_PROFILE | {"sip-port": self.port})}
  </settings></profile></profiles></configuration>
</section>
<section name="dialplan"><context name="default">
  <extension name="user"><condition field="destination_number" expression="^(.+)$">
    <action application="set" data="hangup_after_bridge=true"/>
    <action application="bridge" data="user/$1@{DOMAIN}"/>
  </condition></extension>
</context></section>
<section name="directory"><domain name="{DOMAIN}">
  <params><param name="dial-string" value="{_DIAL}"/></params>
  <groups><group name="all"><users>{everybody}</users></group></groups>
</domain></section>
</document>
"""


def _parameters(values: dict[str, str | int]) -> str:
    return "".join(f'<param name="{name}" value="{value}"/>' for name, value in values.items())
