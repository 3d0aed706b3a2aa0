"""A FreeSWITCH whose gateway is the test IVR, with the product's dialling stage beside it."""

from collections.abc import Iterable
from pathlib import Path

from tests.live.freeswitch_server import FreeSwitchServer

GATEWAY = "ivr"


class DiallingSwitch(FreeSwitchServer):
    """As docs/dialling.md has it: tone_stream for silence and in-band digits."""

    more_modules = ("tone_stream",)

    def __init__(self, folder: Path, users: Iterable[str], ivr_port: int) -> None:
        self._ivr_port = ivr_port
        super().__init__(folder, users)

    def start(self) -> None:
        place = self._folder / "freeswitch.xml"
        profile = '<profile name="internal"><settings>'
        gateway = (
            f'<gateways><gateway name="{GATEWAY}">'
            f'<param name="proxy" value="127.0.0.1:{self._ivr_port}"/>'
            '<param name="register" value="false"/><param name="username" value="rollcall"/>'
            "</gateway></gateways><settings>"
        )
        text = place.read_text()
        assert profile in text
        place.write_text(text.replace(profile, profile.replace("<settings>", gateway)))
        super().start()
