"""A live registrar with Rollcall attached: producer, kernel watcher, streams, and the audit.

All are the product's own stages, in processes of their own, over a Kafka that is really there.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from operate.audit.audit import Audit
from operate.audit.findings import Kind
from operate.audit.freeswitch import FreeSwitch
from operate.audit.kamailio import Kamailio
from operate.audit.kernel import connections_to
from operate.audit.opensips import OpenSips
from operate.audit.presence_view import View
from operate.audit.registrar import AskKernel, Registrar
from operate.audit.report import as_json
from operate.audit.settings import AuditSettings, limits_of
from producers.freeswitch.settings import FreeSwitchSettings
from producers.kamailio.settings import KamailioSettings
from producers.opensips.settings import OpenSipsSettings
from producers.opensips.storage import Usrloc
from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas.dead_letter import DeadLetter
from streams.settings import StreamsSettings
from tests.eventually import eventually
from tests.integration.kamailio_cluster import KamailioNode
from tests.integration.kamailio_server import KamailioServer
from tests.integration.sip_client import SipClient
from tests.integration.sip_cluster import Cluster, Node
from tests.live.clusters import NODE, beside_freeswitch, beside_opensips
from tests.live.opensips_server import OpenSipsServer
from tests.live.peers.servers import ChallengingKamailio, ChallengingOpenSips, open_freeswitch

KINDS = ("kamailio", "opensips", "freeswitch")
_AGREES_SECONDS = 30.0  # FreeSWITCH and a client that went away over TCP take their time
_SETTLE_SECONDS = 1.0


class Attached:
    """Runs from `__init__` to `stop`. `users` are whom a FreeSWITCH has to know beforehand."""

    def __init__(
        self,
        kind: str,
        kafka: KafkaSettings,
        folder: Path,
        users: Iterable[str],
        *,
        challenges: bool,
    ) -> None:
        self._node, registrar, is_known = _start(kind, kafka, folder, users, challenges)
        eventually(is_known, what=f"{kind} answers its producer")
        self._cluster = Cluster(kafka, folder, ROLLCALL_STREAMS_NODE_LEASE="30")
        limits = limits_of(AuditSettings(), StreamsSettings())
        self._view = View(kafka, [NODE])
        self._audit = Audit([registrar], self._view, limits, _SETTLE_SECONDS, time.sleep)
        self._letters = 0
        self.bindings = 0  # that the registrar listed in the last audit

    @property
    def port(self) -> int:
        """Where the registrar takes SIP."""
        return self._node.server.port

    def disagreements(self) -> list[str]:
        """What presence shows otherwise than the registrar lists it, of all users, in the end."""
        deadline = time.monotonic() + _AGREES_SECONDS
        while True:
            try:
                report = self._audit.run()
            except KafkaUnavailable as error:
                wrong = [f"presence cannot be read: {error}"]
            else:
                self.bindings = sum(report.bindings.values())
                # Rows that make no record are counted with the dead letters, which name the field.
                told = [one for one in report.disagreements if one.kind is not Kind.UNREADABLE]
                wrong = [str(as_json(one)) for one in told]
                wrong += [f"not audited: {why}" for why in report.unaudited.values()]
            if not wrong or time.monotonic() > deadline:
                return wrong

    def clear(self) -> None:
        """Sign every user off, as their phones would: the next scenario expects nobody."""
        self._view.refresh()
        for aor, presence in self._view.presence().items():
            user, _, domain = aor.removeprefix("sip:").partition("@")
            for binding in presence.bindings:
                client = SipClient(self.port, user, udp=True, domain=domain)
                client.contact = binding.contact
                # What it is refused stays until it expires.
                with suppress(OSError, AssertionError):
                    client.unregister()
                client.close()

    def ended(self) -> list[str]:
        """Stages, or the server, that run no more."""
        stages = (self._node.watcher, self._node.producer, self._cluster.streams)
        found = [f"{one.module} ended" for one in stages if one.process.poll() is not None]
        if self._node.server.process.poll() is not None:
            found.append(f"the {self._node.server.name} ended")
        return found

    def dead_letters(self) -> list[DeadLetter]:
        """Those that have come since the last question."""
        letters = self._cluster.dead_letters.read()
        new = letters[self._letters :]
        self._letters = len(letters)
        return new

    def stop(self) -> None:
        self._view.close()
        self._cluster.stop()
        self._node.stop()


def unexplained(letter: DeadLetter) -> bool:
    """Whether a dead letter leaves open what was wrong with which field."""
    return not (letter.reason and letter.field)


def _start(
    kind: str, kafka: KafkaSettings, folder: Path, users: Iterable[str], challenges: bool
) -> tuple[Node, Registrar, Callable[[], bool]]:
    """The server, what stands beside it, what lists it, and whether its producer knows it."""
    if kind == "kamailio":
        make = ChallengingKamailio if challenges else KamailioServer
        node = KamailioNode(NODE, folder / "kamailio", kafka, make_server=make)
        url = node.kamailio.rpc_url
        settings = KamailioSettings(node=NODE, rpc_url=url)
        return node, Kamailio(settings, _kernel(node)), node.is_known
    if kind == "opensips":
        make_proxy = ChallengingOpenSips if challenges else OpenSipsServer
        proxy = make_proxy(folder)
        beside = beside_opensips(kafka, folder, proxy, NODE)
        of_proxy = OpenSipsSettings(node=NODE, mi_url=proxy.mi_url, usrloc=Usrloc.MEMORY)
        known = lambda: bool(beside.producer.status()["mi_answers"])  # noqa: E731 - returned
        return beside, OpenSips(of_proxy, _kernel(beside)), known
    switch = open_freeswitch(folder, users, challenges=challenges)
    beside = beside_freeswitch(kafka, folder, switch, NODE)
    of_switch = FreeSwitchSettings(node=NODE, port=switch.event_socket)
    known = lambda: bool(beside.producer.status()["connected"])  # noqa: E731 - returned
    return beside, FreeSwitch(of_switch, _kernel(beside)), known


def _kernel(node: Node) -> AskKernel:
    return lambda: connections_to([node.server.port])
