"""One registrar that is really there, with its producer, the kernel watcher and the streams."""

from pathlib import Path
from typing import Protocol

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.integration.sip_cluster import Cluster, Node, SipServer
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.opensips_server import OpenSipsServer

NODE = "sip1"
# FreeSWITCH has to know them beforehand.
USERS = (
    *("alice", "bob", "carol", "killed", "both", "datagrams", "mallory", "missed", "flushed"),
    *("server-tcp", "server-udp", "moves-true", "moves-false", "port-old", "port-new"),
    *(f"ends-by-{end}" for end in ("reset", "close", "half_close", "unregister", "star")),
    *(f"load{number}" for number in range(1, 101)),
    *(f"witness-{number}" for number in range(1, 201)),
)


class RestartableServer(SipServer, Protocol):
    """A server that a test may kill and start again."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


class LiveCluster(Cluster):
    """`kind` is opensips or freeswitch; skips the test where there is no such program."""

    def __init__(self, kind: str, kafka: KafkaSettings, folder: Path) -> None:
        self.kind = kind
        start = {"opensips": _opensips, "freeswitch": _freeswitch}[kind]
        self.server, self.node = start(kafka, folder)
        eventually(self.is_known, what=f"{kind} answers its producer")
        super().__init__(kafka, folder, ROLLCALL_STREAMS_NODE_LEASE="5")

    def is_known(self) -> bool:
        """Whether the producer has heard from the server which of its processes this is."""
        status = self.node.producer.status()
        return bool(status["connected"] if self.kind == "freeswitch" else status["mi_answers"])

    def stop(self) -> None:
        super().stop()
        self.node.stop()


def _opensips(kafka: KafkaSettings, folder: Path) -> tuple[RestartableServer, Node]:
    server = OpenSipsServer(folder)
    settings = {
        "ROLLCALL_OPENSIPS_NODE": NODE,
        "ROLLCALL_OPENSIPS_LISTEN_STREAM": f"127.0.0.1:{server.events}",
        "ROLLCALL_OPENSIPS_LISTEN_DATAGRAM": "off",
        "ROLLCALL_OPENSIPS_MI_URL": server.mi_url,
        "ROLLCALL_OPENSIPS_SIP_PORTS": f"[{server.port}]",
    }
    return server, Node(NODE, folder, kafka, server, "producers.opensips.stage", **settings)


def _freeswitch(kafka: KafkaSettings, folder: Path) -> tuple[RestartableServer, Node]:
    server = FreeSwitchServer(folder, USERS)
    settings = {
        "ROLLCALL_FREESWITCH_NODE": NODE,
        "ROLLCALL_FREESWITCH_PORT": str(server.event_socket),
        "ROLLCALL_FREESWITCH_SIP_PORTS": f"[{server.port}]",
    }
    return server, Node(NODE, folder, kafka, server, "producers.freeswitch.stage", **settings)
