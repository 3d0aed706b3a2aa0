"""Kamailio nodes: a registrar and an edge, each with its producers."""

from pathlib import Path

from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.integration.kamailio_server import KamailioServer
from tests.integration.sip_cluster import Cluster, Node


class KamailioNode(Node):
    """A registrar; with `registrar_port` a proxy that passes REGISTERs on to it."""

    def __init__(
        self,
        name: str,
        folder: Path,
        kafka: KafkaSettings,
        registrar_port: int | None = None,
        make_server: type[KamailioServer] = KamailioServer,
    ) -> None:
        folder.mkdir()
        self.kamailio = make_server(folder, registrar_port=registrar_port)
        super().__init__(
            name,
            folder,
            kafka,
            self.kamailio,
            "producers.kamailio.stage",
            ROLLCALL_KAMAILIO_NODE=name,
            ROLLCALL_KAMAILIO_EVAPI=f"127.0.0.1:{self.kamailio.evapi}",
            ROLLCALL_KAMAILIO_SIP_PORTS=f"[{self.kamailio.port}]",
            ROLLCALL_KAMAILIO_RPC_URL=self.kamailio.rpc_url,
        )
        eventually(self.is_known, what=f"{name} answers its producer")

    def is_known(self) -> bool:
        status = self.producer.status()
        return bool(status["connected"] and status["boot"].startswith("up-"))


class KamailioCluster(Cluster):
    """A registrar, and an edge before it where requested."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self._kafka, self._folder = kafka, folder
        self.registrar = KamailioNode("kam1", folder / "kam1", kafka)
        self._edge: KamailioNode | None = None
        super().__init__(kafka, folder)

    @property
    def edge(self) -> KamailioNode:
        if self._edge is None:
            behind = self.registrar.kamailio.port
            self._edge = KamailioNode("edge1", self._folder / "edge1", self._kafka, behind)
        return self._edge

    def stop(self) -> None:
        super().stop()
        for node in (self._edge, self.registrar):
            if node is not None:
                node.stop()
