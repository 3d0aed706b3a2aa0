"""A call through Debian's Kamailio reaches a phone that is registered at another node."""

from collections.abc import Iterator

import pytest

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.gateway import gateway
from tests.integration.conftest import own_topics
from tests.integration.kamailio_cluster import KamailioCluster
from tests.integration.routing import FALLBACK_SECONDS, KamailioCaller, reachable, reached
from tests.integration.sip_phone import SipPhone
from tests.stages import StageProcess


class Lab:
    """A registrar with its producers, the streams, a gateway, and the caller's proxy."""

    def __init__(self, kafka: KafkaSettings, folder_of: pytest.TempPathFactory) -> None:
        self.cluster = KamailioCluster(kafka, folder_of.mktemp("cluster"))
        self.port = self.cluster.registrar.kamailio.port
        nodes = f'{{"kam1": "127.0.0.1:{self.port}"}}'
        self.gateway: StageProcess = gateway(folder_of.mktemp("gateway"), kafka, NODES=nodes)
        self.url = str(self.gateway.status()["url"])
        folder = folder_of.mktemp("caller")
        self.caller = KamailioCaller(folder, self.url, self.port, "http_client")

    def stop(self) -> None:
        self.caller.stop()
        self.gateway.__exit__()
        self.cluster.stop()


@pytest.fixture(scope="module")
def lab(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with own_topics(broker) as kafka:
        running = Lab(kafka, tmp_path_factory)
        yield running
        running.stop()


def test_a_call_reaches_the_node_that_has_the_phone_and_without_a_gateway_falls_back(
    lab: Lab,
) -> None:
    with lab.cluster.phones(lab.port, "bob") as (bob,):
        alice = SipPhone(lab.caller.port, "alice")
        eventually(lambda: reachable(lab.url, "bob"), what="the gateway knows bob")
        invite, _ = reached(alice, bob)
        assert invite.header("X-Rollcall-Routed") == "true"
        nobody = alice.call("nobody")
        alice.refused(nobody, 480)
        lab.gateway.kill()
        invite, seconds = reached(alice, bob)
        assert not invite.all("X-Rollcall-Routed")
        assert seconds < FALLBACK_SECONDS
        alice.close()
