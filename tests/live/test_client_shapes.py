"""Real clients' REGISTERs and RFC 4475's messages at a live OpenSIPS and FreeSWITCH.

As tests/integration/test_kamailio_shapes.py has it: presence is what the registrar's table holds.
"""

from collections.abc import Iterator

import pytest

from tests.corpus.playing import Played
from tests.corpus.sending import Network
from tests.eventually import eventually
from tests.registrars.freeswitch import FreeSwitch
from tests.registrars.freeswitch_options import FreeSwitchOptions
from tests.registrars.opensips import OpenSips
from tests.registrars.opensips_options import OpenSipsOptions
from tests.registrars.registrar import Registrar

# OpenSIPS hangs up on what follows the first of two messages: that contact's connection has ended.
# FreeSWITCH stores bytes that are no UTF-8 with the display name: a dead letter that says so.
EXCUSED = {"dblreq", "display-name-latin1"}
# A producer that ends leaves its netlink socket to the process' own end.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", params=["opensips", "freeswitch"])
def registrar(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registrar]:
    folder = tmp_path_factory.mktemp(request.param)
    running: Registrar = (
        OpenSips(folder, OpenSipsOptions())
        if request.param == "opensips"
        else FreeSwitch(folder, FreeSwitchOptions(asks_password=False))
    )
    yield running
    running.stop()


@pytest.mark.parametrize("network", ["udp", "tcp"])
def test_presence_is_what_the_table_holds(registrar: Registrar, network: Network) -> None:
    if isinstance(registrar, FreeSwitch) and network == "udp":
        pytest.skip("a switch names no transport but the Contact's, which the corpus has as it is")
    played = Played(registrar, network)
    try:
        eventually(lambda: stored(played) >= 150, 10, what="150 users in the table")
        eventually(lambda: not wrong(played), 10, what="presence equals the table")
    except AssertionError as error:
        raise AssertionError("\n".join(wrong(played)[:20])) from error
    finally:
        played.close()


def stored(played: Played) -> int:
    played.read_table()
    return len([one for one in played.sent if played.rows(one)])


def wrong(played: Played) -> list[str]:
    played.read_table()
    return [
        f"{one}: {line}"
        for one in played.sent
        if one.name not in EXCUSED
        for line in played.difference(one).lines
    ]
