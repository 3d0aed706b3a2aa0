"""The registrars that peers' scenarios meet: open to everybody, or asking for a digest.

Configured as the tests of each server have them, with one change. One password is everybody's.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.integration.kamailio_server import KamailioServer
from tests.integration.sip_client import PASSWORD
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.opensips_server import OpenSipsServer
from tests.registrars.configuration import replaced

_KAMAILIO_SAVE = "        route(ROLLCALL_SAVE);"
_KAMAILIO_CHALLENGE = f"""        if (!pv_www_authenticate("$td", "{PASSWORD}", "0")) {{
            www_challenge("$td", "0");
            exit;
        }}
"""
_OPENSIPS_SAVE = '        save("location");'
_OPENSIPS_CHALLENGE = f"""        $avp(user) = $au;
        $avp(password) = "{PASSWORD}";
        if (!pv_www_authorize("$td")) {{
            www_challenge("$td", "auth");
            exit;
        }}
"""
_OPENSIPS_MODULES = """loadmodule "auth.so"
modparam("auth", "username_spec", "$avp(user)")
modparam("auth", "password_spec", "$avp(password)")
modparam("auth", "calculate_ha1", 1)
"""


class ChallengingKamailio(KamailioServer):
    """Asks every REGISTER for a digest of the realm that its To names."""

    def start(self) -> None:
        text = self._config.read_text()
        if _KAMAILIO_CHALLENGE not in text:
            text = replaced(text, _KAMAILIO_SAVE, _KAMAILIO_CHALLENGE + _KAMAILIO_SAVE)
            text = replaced(text, "\nrequest_route {", '\nloadmodule "auth.so"\nrequest_route {')
            self._config.write_text(text)
        super().start()


class ChallengingOpenSips(OpenSipsServer):
    """The same."""

    def _configuration(self) -> str:
        text = replaced(
            super()._configuration(), _OPENSIPS_SAVE, _OPENSIPS_CHALLENGE + _OPENSIPS_SAVE
        )
        return replaced(
            text, 'loadmodule "usrloc.so"', _OPENSIPS_MODULES + 'loadmodule "usrloc.so"'
        )


class OpenFreeSwitch(FreeSwitchServer):
    """Takes every REGISTER (`accept-blind-reg`); as it stands a switch asks for a digest."""

    def _configuration(self, users: Iterable[str]) -> str:
        settings = '<profile name="internal"><settings>'
        blind = '<param name="accept-blind-reg" value="true"/>'
        return replaced(super()._configuration(users), settings, settings + blind)


def open_freeswitch(folder: Path, users: Iterable[str], *, challenges: bool) -> FreeSwitchServer:
    """`users` are those that it knows."""
    return (FreeSwitchServer if challenges else OpenFreeSwitch)(folder, users)
