"""One registrar that is really there, with its producer, the kernel watcher and the streams."""

from contextlib import ExitStack
from pathlib import Path

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.integration.server_process import ServerProcess
from tests.integration.sip_cluster import Cluster, Node
from tests.live.freeswitch_server import FreeSwitchServer
from tests.live.opensips_server import OpenSipsServer

NODE, EDGE = "sip1", "edge1"
# FreeSWITCH has to know them beforehand.
USERS = (
    *("alice", "bob", "carol", "killed", "both", "datagrams", "missed"),
    *("server-tcp", "server-udp", "moves-true", "moves-false", "port-old", "port-new"),
    *(f"ends-by-{end}" for end in ("reset", "close", "half_close", "unregister", "star")),
    *(f"extra-{number}" for number in range(1, 201)),
)


class LiveCluster(Cluster):
    """`kind` is opensips or freeswitch; skips the test where there is no such program."""

    def __init__(self, kind: str, kafka: KafkaSettings, folder: Path) -> None:
        self.kind = kind
        start = {"opensips": _opensips, "freeswitch": _freeswitch}[kind]
        with ExitStack() as started:
            self.server, self.node = start(kafka, folder)
            started.callback(self.node.stop)
            eventually(self.is_known, what=f"{kind} answers its producer")
            super().__init__(kafka, folder, ROLLCALL_STREAMS_NODE_LEASE="5")
            started.pop_all()  # what does not start leaves no server behind

    def is_known(self) -> bool:
        """Whether the producer has heard from the server which of its processes this is."""
        status = self.node.producer.status()
        return bool(status["connected"] if self.kind == "freeswitch" else status["mi_answers"])

    def stop(self) -> None:
        super().stop()
        self.node.stop()


class EdgeCluster(Cluster):
    """FreeSWITCH as the registrar behind OpenSIPS, which alone sees the clients' connections."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        for name in (NODE, EDGE):
            (folder / name).mkdir()
        with ExitStack() as started:
            registrar, self.registrar = _freeswitch(kafka, folder / NODE)
            started.callback(self.registrar.stop)
            edge = OpenSipsServer(folder / EDGE, registrar_port=registrar.port)
            started.callback(edge.stop)
            self.server, self.edge = edge, beside_opensips(kafka, folder / EDGE, edge, EDGE)
            started.callback(self.edge.stop)
            eventually(lambda: self.registrar.producer.status()["connected"], what="the switch")
            eventually(lambda: self.edge.producer.status()["mi_answers"], what="the edge")
            super().__init__(kafka, folder, ROLLCALL_STREAMS_NODE_LEASE="5")
            started.pop_all()

    def stop(self) -> None:
        super().stop()
        for node in (self.edge, self.registrar):
            node.stop()


def _opensips(kafka: KafkaSettings, folder: Path) -> tuple[ServerProcess, Node]:
    with ExitStack() as started:
        server = OpenSipsServer(folder)
        started.callback(server.stop)
        node = beside_opensips(kafka, folder, server, NODE)
        started.pop_all()
    return server, node


def beside_opensips(kafka: KafkaSettings, folder: Path, server: OpenSipsServer, name: str) -> Node:
    """The producer and the kernel watcher of this server."""
    settings = {
        "ROLLCALL_OPENSIPS_NODE": name,
        "ROLLCALL_OPENSIPS_LISTEN_STREAM": f"127.0.0.1:{server.events}",
        "ROLLCALL_OPENSIPS_LISTEN_DATAGRAM": "off",
        "ROLLCALL_OPENSIPS_MI_URL": server.mi_url,
        "ROLLCALL_OPENSIPS_SIP_PORTS": f"[{server.port}]",
    }
    return Node(name, folder, kafka, server, "producers.opensips.stage", **settings)


def _freeswitch(kafka: KafkaSettings, folder: Path) -> tuple[ServerProcess, Node]:
    with ExitStack() as started:
        server = FreeSwitchServer(folder, USERS)
        started.callback(server.stop)
        node = beside_freeswitch(kafka, folder, server, NODE)
        started.pop_all()
    return server, node


def beside_freeswitch(
    kafka: KafkaSettings, folder: Path, server: FreeSwitchServer, name: str
) -> Node:
    """The producer and the kernel watcher of this server."""
    settings = {
        "ROLLCALL_FREESWITCH_NODE": name,
        "ROLLCALL_FREESWITCH_PORT": str(server.event_socket),
        "ROLLCALL_FREESWITCH_SIP_PORTS": f"[{server.port}]",
        # The server lets calls in without authentication (auth-calls).
        "ROLLCALL_FREESWITCH_TRUSTED_PROFILES": '["internal"]',
    }
    return Node(name, folder, kafka, server, "producers.freeswitch.stage", **settings)
