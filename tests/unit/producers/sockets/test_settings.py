"""The ports of the settings."""

import pytest

from producers.sockets.settings import read_port
from schemas.vocabulary import Transport


def test_ports_of_the_settings() -> None:
    assert read_port("5060") == read_port(5060) == (5060, Transport.TCP)
    assert read_port("5061/tls") == (5061, Transport.TLS)
    assert read_port("7443/WSS") == (7443, Transport.WSS)
    for wrong in ("0", "65536", "5060/", "5060/udp", "sip", "-1"):
        with pytest.raises(ValueError, match=wrong):
            read_port(wrong)
