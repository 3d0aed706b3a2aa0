"""Calls over a cluster of two FreeSWITCH nodes: from each kind of server, and to a conference."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import SOCK_DGRAM, socket

import pytest

from local.network import free_port
from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.gateway import gateway
from tests.integration.conftest import own_topics
from tests.integration.routing import FALLBACK_SECONDS, KamailioCaller, reachable, reached
from tests.integration.server_process import ServerProcess
from tests.integration.sip_cluster import Cluster, Node
from tests.integration.sip_phone import SipPhone
from tests.live.clusters import beside_freeswitch
from tests.live.routing_servers import OpenSipsCaller, RoutingSwitch
from tests.stages import StageProcess

_USERS = ("alice", "bob", "carol", "dave", "erin", "+4930123")


class Calls(Cluster):
    """fs1 and fs2 with their producers, the streams and a gateway."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._beside: list[Node] = []
        self.switches: dict[str, RoutingSwitch] = {}
        for name in ("fs1", "fs2"):
            (folder / name).mkdir()
            switch = RoutingSwitch(folder / name, _USERS, name, self.url)
            node = beside_freeswitch(kafka, folder / name, switch, name)
            self.switches[name] = switch
            self._beside.append(node)
        super().__init__(kafka, folder, ROLLCALL_STREAMS_NODE_LEASE="5")
        known = ",".join(f'"{n}": "127.0.0.1:{s.port}"' for n, s in self.switches.items())
        self.gateway: StageProcess = gateway(
            folder, kafka, NODES=f"{{{known}}}", PORT=str(self._port)
        )

    def is_routed(self, user: str) -> None:
        eventually(lambda: reachable(self.url, user), what=f"the gateway knows {user}")

    def stop(self) -> None:
        super().stop()
        self.gateway.__exit__()
        for node in self._beside:
            node.stop()


@pytest.fixture(scope="module")
def calls(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    with own_topics(broker) as kafka:
        running = Calls(kafka, tmp_path_factory.mktemp("calls"))
        yield running
        running.stop()


def _opensips(folder: Path, calls: Calls, fallback: int) -> ServerProcess:
    return OpenSipsCaller(folder, calls.url, fallback)


def _kamailio(folder: Path, calls: Calls, fallback: int) -> ServerProcess:
    return _asynchronous(folder, calls.url, fallback)


def _asynchronous(folder: Path, url: str, fallback: int) -> KamailioCaller:
    place = os.environ.get("ROLLCALL_TEST_HTTP_ASYNC_CLIENT")
    if not place:
        pytest.skip("needs Kamailio's http_async_client.so: ROLLCALL_TEST_HTTP_ASYNC_CLIENT")
    return KamailioCaller(folder, url, fallback, "http_async_client", Path(place))


def test_a_switch_reaches_a_phone_of_another_switch(calls: Calls) -> None:
    one, two = calls.switches["fs1"], calls.switches["fs2"]
    alice, own = SipPhone(one.port, "alice"), SipPhone(one.port, "erin")
    with calls.phones(two.port, "bob", "+4930123") as (bob, number):
        own.register()
        for user in ("bob", "erin", "+4930123"):
            calls.is_routed(user)
        reached(alice, number)
        invite, _ = reached(alice, bob)
        assert invite.header("X-Rollcall-Routed") == "true"
        reached(alice, own)
        nobody = alice.call("dave")
        alice.refused(nobody, 480)
        calls.gateway.kill()
        _, seconds = reached(alice, own)
        assert seconds < FALLBACK_SECONDS
        calls.gateway.start()
        reached(alice, bob)
    alice.close()
    own.close()


def test_a_conference_calls_every_reachable_member(calls: Calls) -> None:
    one, two = calls.switches["fs1"], calls.switches["fs2"]
    alice = SipPhone(one.port, "alice")
    with calls.phones(two.port, "bob") as (bob,), calls.phones(one.port, "carol") as (carol,):
        for phone in (bob, carol):
            calls.is_routed(phone.user)
        sent = alice.call("team")
        dialog = alice.answered(sent)
        members = [(phone, phone.answer(phone.rung())) for phone in (bob, carol)]
        for phone, member in members:
            phone.next("ACK ")
            phone.hang_up(member)
        alice.hang_up(dialog)
    alice.close()


@pytest.mark.parametrize("start", [_opensips, _kamailio])
def test_a_proxy_reaches_the_node_that_has_the_phone(
    calls: Calls, start: Callable[[Path, Calls, int], ServerProcess], tmp_path: Path
) -> None:
    two = calls.switches["fs2"]
    proxy = start(tmp_path, calls, two.port)
    try:
        with calls.phones(two.port, "bob") as (bob,):
            calls.is_routed("bob")
            alice = SipPhone(proxy.port, "alice")
            reached(alice, bob)
            nobody = alice.call("dave")
            alice.refused(nobody, 480)
            calls.gateway.kill()
            _, seconds = reached(alice, bob)
            assert seconds < FALLBACK_SECONDS
            calls.gateway.start()
            alice.close()
    finally:
        proxy.stop()


def test_kamailio_waits_no_longer_for_a_gateway_that_hangs(tmp_path: Path) -> None:
    with socket() as hanging, socket(type=SOCK_DGRAM) as fallback:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()  # the kernel accepts, and nobody answers
        fallback.bind(("127.0.0.1", 0))
        fallback.settimeout(10)
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        proxy = _asynchronous(tmp_path, url, fallback.getsockname()[1])
        alice = SipPhone(proxy.port, "alice")
        began = time.monotonic()
        alice.call("bob")
        assert fallback.recv(65536).startswith(b"INVITE ")
        assert time.monotonic() - began < FALLBACK_SECONDS
        alice.close()
        proxy.stop()
