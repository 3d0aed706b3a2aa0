"""`rollcall audit` against scripted servers, and the stage against a real Kamailio."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.network import free_port
from operate.audit.kamailio import Kamailio
from operate.audit.kernel import connections_to
from operate.audit.opensips import OpenSips
from operate.audit.registrar import NotAudited
from producers.kamailio.settings import KamailioSettings
from producers.opensips.settings import OpenSipsSettings
from producers.opensips.storage import Usrloc
from runtime.kafka import KafkaSettings
from schemas.presence import Presence, PresenceBinding
from schemas.topics import PRESENCE
from schemas.vocabulary import Cause, Status, Transport
from tests.eventually import eventually
from tests.freeswitch_answers import PROFILES, registration, registrations
from tests.integration.kamailio_cluster import KamailioNode
from tests.integration.kamailio_server import need_programs
from tests.integration.rollcall_process import rollcall
from tests.integration.scripted_mi import ScriptedMi
from tests.integration.scripted_switch import ScriptedSwitch
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN, SipClient
from tests.kafka_logs import write
from tests.stages import StageProcess

INTERNAL, EXTERNAL = (f"sofia xmlstatus profile {name} reg" for name in ("internal", "external"))
ALICE = "sip:1001@sip.example.test"
ANSWERS = {
    "switchname": "vm",
    "strmicroepoch": "1795500366296512",
    "sofia xmlstatus": PROFILES,
    INTERNAL: registrations(registration()),
    EXTERNAL: registrations(),
}
UL_DUMP = {
    "Domains": [
        {
            "name": "location",
            "AORs": [
                {
                    "AOR": f"bob@{DOMAIN}",
                    "Contacts": [
                        {
                            "Contact": "sip:bob@10.0.0.9:5060;transport=tcp",
                            "Expires": 600,
                            "Callid": "bob@phone",
                            "Cseq": 1,
                            "Socket": "tcp:10.0.0.1:5060",
                        }
                    ],
                }
            ],
        }
    ]
}


def online(aor: str, version: int, **binding: Any) -> tuple[Any, str, Presence]:
    """A presence record of a user with one binding."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        PRESENCE,
        aor,
        Presence(
            aor=aor,
            version=version,
            status=Status.ONLINE,
            reachable=True,
            cause=Cause.REGISTERED,
            at=at,
            bindings=[PresenceBinding(transport=Transport.TCP, since=at, **binding)],
            calls=[],
            evidence=[],
        ),
    )


def audit(kafka: KafkaSettings, folder: Path, *nodes: str) -> tuple[int, list[Any]]:
    """Exit status, and the objects printed: disagreements, and the summary."""
    done = rollcall("audit", *nodes, "--settle", "0.1", "--json", folder=folder, kafka=kafka)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def mi() -> Any:
    scripted = ScriptedMi()
    scripted.results["ul_dump"] = UL_DUMP
    scripted.start()
    yield scripted
    scripted.stop()


def test_two_scripted_servers(kafka: KafkaSettings, tmp_path: Path, mi: ScriptedMi) -> None:
    alice = {
        "node": "vm",
        "contact": "sip:1001@10.0.0.1:5060;transport=tcp",
        "remote": {"ip": "10.0.0.1", "port": 41001},
        "registrar": "internal",
    }
    bob = {
        "node": "os1",
        "contact": "sip:bob@10.0.0.9:5060;transport=tcp",
        "remote": {"ip": "10.0.0.9", "port": 5060},
        "registrar": "location",
    }
    write(kafka, [online(ALICE, 1, **alice), online(f"sip:bob@{DOMAIN}", 1, **bob)])
    with ScriptedSwitch(answers=ANSWERS) as switch:
        nodes = f"freeswitch=127.0.0.1:{switch.port}", f"opensips:os1={mi.url}"
        status, (summary,) = audit(kafka, tmp_path, *nodes)
        assert (status, summary) == (
            0,
            {
                "nodes": {"os1": 1, "vm": 1},
                "bindings": 2,
                "users": 2,
                "disagreements": 0,
                "unaudited": {},
                "excused": {},
            },
        )
        others = {"version short", "global_getvar core_uuid", "module_exists mod_verto"}
        assert set(switch.asked) <= ANSWERS.keys() | others

        # The server's own list no longer has the connection, though it still lists the contact.
        mi.results["list_tcp_conns"] = {"Connections": []}
        switch.answers = ANSWERS | {INTERNAL: registrations()}
        status, (*wrong, summary) = audit(kafka, tmp_path, *nodes)
        assert status == 1
        assert [(one["kind"], one["node"]) for one in wrong] == [
            ("phantom", "vm"),
            ("dead-connection", "os1"),
        ]
        assert summary["disagreements"] == 2

    mi.results["list_tcp_conns"] = {"Connections": [{"Remote": "10.0.0.9:5060"}]}
    status, (summary,) = audit(kafka, tmp_path, *nodes)
    assert status == 1, "the switch is gone"
    assert (summary["disagreements"], summary["nodes"]) == (0, {"os1": 1})
    (why,) = summary["unaudited"].values()
    assert why.startswith("SwitchUnreachable")


PATH = "<sip:127.0.0.1:5070;lr;received=sip:10.0.0.7:5061%3Btransport%3Dtcp>"


def test_phone_disconnected_from_pure_proxy_is_dead_connection(
    kafka: KafkaSettings, tmp_path: Path, mi: ScriptedMi
) -> None:
    """The proxy's producer was down when the phone registered, so no event of it names the edge."""
    path = "%3Csip:127.0.0.1:5070%3Blr%3Breceived%3Dsip:10.0.0.7:5061%253Btransport%253Dtcp%3E"
    contact = f"sip:1001@10.0.0.7:5061;transport=tcp;fs_path={path}"
    listed = registration(contact=f'"" <{contact}>')
    alice = {
        "node": "vm",
        "contact": contact,
        "remote": {"ip": "10.0.0.7", "port": 5061},
        "path": PATH,
        "registrar": "internal",
    }
    write(kafka, [online(ALICE, 1, **alice)])
    del mi.results["ul_dump"]  # no usrloc is loaded
    mi.results["list_tcp_conns"] = {"Connections": []}
    with ScriptedSwitch(answers={**ANSWERS, INTERNAL: registrations(listed)}) as switch:
        nodes = f"freeswitch=127.0.0.1:{switch.port}", f"opensips:edge1={mi.url}"
        status, (wrong, summary) = audit(kafka, tmp_path, *nodes)
        assert (status, summary["disagreements"], summary["unaudited"]) == (1, 1, {})
        assert (wrong["kind"], wrong["node"]) == ("dead-connection", "edge1")
        assert mi.commands.count("ul_dump") == 1

        ends = {"Remote": "10.0.0.7:5061", "Local": "127.0.0.1:5070"}
        mi.results["list_tcp_conns"] = {"Connections": [ends]}
        status, (summary,) = audit(kafka, tmp_path, *nodes)
        assert (status, summary["nodes"]) == (0, {"edge1": 0, "vm": 1})

        done = rollcall("audit", nodes[0], folder=tmp_path, kafka=kafka)
        assert (done.returncode, "not checked: 1 edge-not-asked" in done.stdout) == (0, True)


def test_each_process_is_asked_once_for_a_location_table(mi: ScriptedMi) -> None:
    del mi.results["ul_dump"]
    mi.results["uptime"] = {"Up since": "Thu Jan  1 00:00:00 2026"}
    opensips = OpenSips(OpenSipsSettings(node="edge1", mi_url=mi.url, usrloc=Usrloc.MEMORY))
    for _ in range(3):
        assert (opensips.ask().has_table, opensips.ask().rows) == (False, [])
    assert mi.commands.count("ul_dump") == 1
    mi.results["uptime"] = {"Up since": "Thu Jan  1 00:01:00 2026"}
    mi.results["ul_dump"] = UL_DUMP
    assert len(opensips.ask().rows) == 1, "another process may have one"


def test_unreadable_listing_is_not_audited(mi: ScriptedMi) -> None:
    """A server that answers without a listing: its bindings are not known."""
    mi.results["ul_dump"] = {"Domains": "many"}
    with pytest.raises(NotAudited):
        OpenSips(OpenSipsSettings(node="edge1", mi_url=mi.url)).ask()


def test_expired_row_of_usrloc_is_a_proof(mi: ScriptedMi) -> None:
    listed = deepcopy(UL_DUMP)
    listed["Domains"][0]["AORs"][0]["Contacts"][0]["Expires"] = "expired"  # type: ignore[index]  # JSON, of several types
    mi.results["ul_dump"] = listed
    settings = OpenSipsSettings(node="os1", mi_url=mi.url, usrloc=Usrloc.MEMORY)
    found = OpenSips(settings).ask()
    assert not found.rows
    contact = "sip:bob@10.0.0.9:5060;transport=tcp"
    assert found.expired == {(f"sip:bob@{DOMAIN}", contact)}


@contextmanager
def closing_server(server: "PureProxy") -> Iterator["PureProxy"]:
    try:
        yield server
    finally:
        server.kill()


class PureProxy(ServerProcess):
    """A Kamailio without usrloc that answers JSON-RPC."""

    name = "proxy"

    def __init__(self, folder: Path) -> None:
        need_programs("kamailio")
        self.port = free_port()
        self.rpc_url = f"http://127.0.0.1:{self.port}/RPC"
        (folder / "proxy.cfg").write_text(
            "#!KAMAILIO\ndebug=1\nlog_stderror=yes\nchildren=1\ntcp_children=1\n"
            f"auto_aliases=no\nlisten=udp:127.0.0.1:{self.port}\nlisten=tcp:127.0.0.1:{self.port}\n"
            'loadmodule "sl.so"\nloadmodule "pv.so"\nloadmodule "xhttp.so"\n'
            'loadmodule "jsonrpcs.so"\nmodparam("jsonrpcs", "transport", 1)\n'
            'request_route { sl_send_reply("405", "Not here"); }\n'
            "event_route[xhttp:request] { set_reply_close(); jsonrpc_dispatch(); }\n"
        )
        super().__init__(folder)

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def command(self) -> list[str | Path]:
        place = ("-f", self._folder / "proxy.cfg", "-Y", self._folder)
        return ["kamailio", "-DD", "-E", *place, "-m", "32", "-M", "8"]


def test_real_kamailio_without_usrloc(tmp_path: Path) -> None:
    with closing_server(PureProxy(tmp_path)) as proxy:
        kamailio = Kamailio(KamailioSettings(node="edge1", rpc_url=proxy.rpc_url))
        with closing(socket.create_connection(("127.0.0.1", proxy.port))) as client:
            client.sendall(
                b"\r\n\r\n"
            )  # Kamailio lists a connection once it has received something
            here = client.getsockname()
            eventually(lambda: here in (kamailio.ask().peers or ()))
            found = kamailio.ask()
        assert (found.has_table, found.rows) == (False, [])
        assert ("127.0.0.1", proxy.port) in found.own
        eventually(lambda: here not in (kamailio.ask().peers or ()))


def test_kernels_connections_to_a_port() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            server, _ = listener.accept()
            with closing(server):
                known = connections_to([port])
                assert known is not None
                assert list(known.cookies) == [client.getsockname()]
                assert known.own == {("127.0.0.1", port)}
        left = connections_to([port])
        assert left is not None
        assert not left.cookies
    assert connections_to([free_port()]) is None, "no listener: the node may be on another host"


def test_real_kamailio(kafka: KafkaSettings, tmp_path: Path) -> None:
    node = KamailioNode("kam1", tmp_path / "kam1", kafka)
    streams = StageProcess("streams.stage", tmp_path, kafka)
    auditor = None
    try:
        clients = [SipClient(node.kamailio.port, user) for user in ("one", "two")]
        clients.append(SipClient(node.kamailio.port, "datagrams", udp=True))
        for client in clients:
            client.register()
        auditor = StageProcess(
            "operate.audit.stage",
            tmp_path,
            kafka,
            ROLLCALL_AUDIT_NODES=json.dumps([f"kamailio:kam1={node.kamailio.rpc_url}"]),
            ROLLCALL_AUDIT_INTERVAL="0.2",
            ROLLCALL_AUDIT_SETTLE="0.5",
            ROLLCALL_SOCKETS_NODE="kam1",
            ROLLCALL_SOCKETS_PORTS=f'["{node.kamailio.port}"]',
        )
        eventually(lambda: has(auditor, bindings=3, users=3, disagreements=0))

        clients[0].close()  # Kamailio lists it until it expires; the kernel reported its end
        eventually(lambda: has(auditor, bindings=3, disagreements=0))
        eventually(lambda: has(auditor, excused={"connection-ended": 1}, disagreements=0))

        node.producer.terminate()  # a planned stop: its users stay reachable
        clients[1].unregister()
        eventually(lambda: has(auditor, bindings=2, disagreements=1))
        (first,) = auditor.status()["first"]
        assert (first["kind"], first["node"]) == ("phantom", "kam1")
        assert first["aor"] == f"sip:two@{DOMAIN}"
        shown = metric(auditor, "rollcall_audit_disagreements", kind="phantom")
        assert (shown, metric(auditor, "rollcall_audit_disagreements", kind="missing")) == (1, 0)

        node.producer.start()  # its first listing repairs that
        eventually(lambda: has(auditor, bindings=2, disagreements=0))

        node.kamailio.kill()
        eventually(lambda: list(auditor.status()["unaudited"]) == ["kam1"])
        assert metric(auditor, "rollcall_audit_unaudited", node="kam1") == 1
        assert metric(auditor, "rollcall_audit_bindings", node="kam1") == 2, "as it was last known"
        for client in clients:
            client.close()
    finally:
        for stage in (auditor, streams):
            if stage is not None:
                stage.__exit__()
        node.stop()


def has(auditor: StageProcess, **wanted: Any) -> bool:
    status = auditor.status()
    return status["unaudited"] == {} and all(status[name] == wanted[name] for name in wanted)


def metric(auditor: StageProcess, name: str, **labels: str) -> float:
    text = httpx.get(auditor.health + "/metrics", trust_env=False).text
    for line in text.splitlines():
        if line.startswith(f"{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {name} of {labels}")
