"""From a client's end to the presence a subscriber reads: a real Kamailio, kernel and Kafka."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.vocabulary import (
    CallKind,
    Cause,
    HungUpBy,
    NodeKind,
    RegistrationKind,
    Source,
    Status,
)
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.kamailio_cluster import KamailioCluster
from tests.integration.kamailio_server import need_programs
from tests.integration.sip_client import DOMAIN, KilledClient, SipClient, quiet_port, registered
from tests.integration.sip_phone import Message, SipPhone, talk

_LOAD = 40
_LOAD_SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="register">
  <send retrans="500"><![CDATA[
REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
Max-Forwards: 70
From: <sip:load[call_number]@example.test>;tag=[call_number]
To: <sip:load[call_number]@example.test>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:load[call_number]@[local_ip]:[local_port];transport=tcp>
Expires: 600
Content-Length: 0

]]></send>
  <recv response="200"/>
  <pause milliseconds="500"/>
</scenario>
"""


@pytest.fixture(scope="module")
def cluster(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KamailioCluster]:
    need_programs("kamailio")
    with own_topics(broker) as kafka:
        running = KamailioCluster(kafka, tmp_path_factory.mktemp("kamailio"))
        yield running
        running.stop()


@pytest.fixture
def port(cluster: KamailioCluster) -> int:
    """Where the registrar listens."""
    return cluster.registrar.kamailio.port


def test_kill_9_of_the_client(cluster: KamailioCluster, port: int) -> None:
    client = KilledClient(port, "killed")
    cluster.online("killed")
    client.kill()
    state = cluster.offline("killed")
    assert state.cause is Cause.CONNECTION_CLOSED
    end = cluster.end_of(client.port)
    assert end.source is Source.SOCKETS
    assert end.id in state.evidence
    found = [e for e in cluster.registrations.read() if e.aor == state.aor]
    # A listing of the producer's start may have come in between.
    (event,) = [e for e in found if e.kind is not RegistrationKind.SNAPSHOT_ROW]
    assert (event.kind, event.source) == (RegistrationKind.REGISTERED, Source.KAMAILIO)
    assert event.cookie == end.cookie


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ("reset", Cause.CONNECTION_RESET),
        ("close", Cause.CONNECTION_CLOSED),
        ("half_close", Cause.CONNECTION_CLOSED),
        ("unregister", Cause.UNREGISTERED),
    ],
)
def test_each_end_has_its_cause(
    cluster: KamailioCluster, port: int, end: str, cause: Cause
) -> None:
    user = f"ends-by-{end}"
    client = registered(port, user)
    cluster.online(user)
    getattr(client, end)()
    assert cluster.offline(user).cause is cause
    client.close()


@pytest.mark.parametrize("same_contact", [True, False])
def test_registered_again_before_the_old_connection_ends(
    cluster: KamailioCluster, port: int, same_contact: bool
) -> None:
    user = f"moves-{same_contact}".lower()
    second = cluster.moved(port, user, "kam1", same_contact=same_contact)
    second.close()
    state = cluster.offline(user)
    assert state.cause is Cause.CONNECTION_CLOSED
    assert cluster.end_of(second.port).id in state.evidence


def test_end_of_the_last_client_does_not_end_the_next_on_its_port(
    cluster: KamailioCluster, port: int
) -> None:
    first = registered(port, "port-old", port=quiet_port())
    cluster.online("port-old")
    first.reset()
    second = registered(port, "port-new", port=first.port)
    assert cluster.offline("port-old").cause is Cause.CONNECTION_RESET
    cluster.online("port-new")
    second.reset()
    again = registered(port, "port-new", port=first.port)
    # Whichever came first, the old connection's end or the new one's REGISTER: the user is there.
    cluster.fold_all(port)
    assert cluster.online("port-new").bindings[0].contact == again.contact
    again.close()
    assert cluster.offline("port-new").cause is Cause.CONNECTION_CLOSED


def test_user_of_two_devices_is_offline_with_the_second(
    cluster: KamailioCluster, port: int
) -> None:
    desk, mobile = registered(port, "both"), registered(port, "both")
    cluster.online("both", devices=2)
    desk.close()
    state = cluster.online("both", devices=1)
    assert state.bindings[0].contact == mobile.contact
    mobile.reset()
    assert cluster.offline("both").cause is Cause.CONNECTION_RESET
    assert cluster.offline_count("both") == 1


def test_client_over_udp_expires(cluster: KamailioCluster, port: int) -> None:
    client = SipClient(port, "datagrams", udp=True)
    client.register(expires=3)
    cluster.online("datagrams")
    client.close()
    assert cluster.offline("datagrams").cause is Cause.EXPIRED


def test_contact_cannot_forge_an_event_of_another_user(cluster: KamailioCluster, port: int) -> None:
    client = SipClient(port, "mallory")
    client.display = f'"\\",\\"aor\\":\\"victim@{DOMAIN}\\",\\"x\\":\\"" '
    client.register()
    cluster.online("mallory")
    client.close()
    cluster.offline("mallory")
    assert cluster.history("victim") == []


def test_unreadable_register_is_a_dead_letter(cluster: KamailioCluster, port: int) -> None:
    client = SipClient(port, "unreadable")
    client.contact = "sip:unreadable@not a host"
    before = len(cluster.dead_letters.read())
    try:
        client.register()
    except AssertionError:  # Kamailio refuses most of them itself
        client.contact = f"sip:{'x' * 900}@127.0.0.1:{client.port};p={'y' * 200}"
        client.register()
    letters = eventually(lambda: cluster.dead_letters.read()[before:], what="a dead letter")
    assert letters[0].source == "kamailio/kam1"
    assert letters[0].field == "addr"  # of the row in its table
    client.close()


def test_burst_of_clients(cluster: KamailioCluster, port: int, tmp_path: Path) -> None:
    need_programs("kamailio", "sipp")
    scenario = tmp_path / "register.xml"
    scenario.write_text(_LOAD_SCENARIO)
    options = f"-i 127.0.0.1 -t tn -max_socket 100 -m {_LOAD} -r 80 -nostdin -timeout 20s"
    subprocess.run(
        ["sipp", f"127.0.0.1:{port}", "-sf", str(scenario), *options.split()],
        check=True,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        timeout=40,
    )
    for number in range(1, _LOAD + 1):
        state = cluster.offline(f"load{number}")
        assert state.cause in (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
        statuses = [one.status for one in cluster.history(f"load{number}")]
        assert statuses == [Status.ONLINE, Status.OFFLINE]


def test_client_killed_at_the_edge(cluster: KamailioCluster) -> None:
    client = KilledClient(cluster.edge.kamailio.port, "roams")
    state = cluster.when(
        "roams", lambda p: bool(p.bindings and p.bindings[0].edge), "behind the edge"
    )
    (binding,) = state.bindings
    assert (binding.node, binding.edge) == ("kam1", "edge1")
    assert binding.remote is not None
    assert binding.remote.port == client.port
    behind, before = (
        next(e for e in cluster.registrations.read() if e.aor == state.aor and e.node == node)
        for node in ("kam1", "edge1")
    )
    assert (before.registrar, behind.registrar) == ("edge", "location")
    assert (before.call_id, before.cseq) == (behind.call_id, behind.cseq)
    assert behind.received == before.remote

    client.kill()
    state = cluster.offline("roams")
    assert state.cause is Cause.CONNECTION_CLOSED
    end = cluster.end_of(client.port, "edge1")
    assert end.id in state.evidence
    assert end.cookie == before.cookie
    assert f"roams@{DOMAIN}" in rpc(cluster, "ul.dump")  # the registrar knows nothing of it

    back = registered(cluster.edge.kamailio.port, "roams")
    cluster.online("roams")
    back.unregister()
    assert cluster.offline("roams").cause is Cause.UNREGISTERED
    back.close()


def test_clients_registered_while_the_edges_producer_is_stopped(cluster: KamailioCluster) -> None:
    """One leaves meanwhile, the other when it is back: the edge lists its connections."""
    edge = cluster.edge
    edge.producer.kill()
    stays, leaves = (
        registered(edge.kamailio.port, user) for user in ("stays-unheard", "leaves-unheard")
    )
    leaves.close()
    edge.producer.start()
    assert cluster.offline("leaves-unheard").cause is Cause.CONNECTION_CLOSED
    shown = cluster.when("stays-unheard", lambda p: any(b.edge for b in p.bindings), "behind it")
    assert [(b.node, b.edge, b.stale) for b in shown.bindings] == [("kam1", "edge1", False)]
    stays.close()
    assert cluster.offline("stays-unheard").cause is Cause.CONNECTION_CLOSED
    log = edge.producer.log.read_text()
    assert "usrloc is not loaded" in log
    assert "listing failed" not in log


def rpc(cluster: KamailioCluster, method: str, *parameters: str) -> str:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = httpx.post(cluster.registrar.kamailio.rpc_url, json=request, trust_env=False)
    return answer.text


@pytest.fixture
def phones(cluster: KamailioCluster, port: int) -> Iterator[list[SipPhone]]:
    """The phones of alice and bob, both registered."""
    with cluster.phones(port, "alice", "bob") as both:
        yield both


Ended = tuple[str | None, int | None, HungUpBy | None]


def ended(cluster: KamailioCluster, invite: Message) -> list[Ended]:
    """The users whose legs of this call have ended, their SIP status, and who hung up."""
    call_id = invite.header("Call-ID")

    def both() -> list[Ended] | None:
        events = [e for e in cluster.calls.read() if e.sip_call_id == call_id]
        ends = (e for e in events if e.kind is CallKind.ENDED)
        found = sorted((e.aor, e.status_code, e.hung_up_by) for e in ends)
        return found if len(found) == 2 else None

    return eventually(both, what="both legs' ends") or []


def test_answered_call(cluster: KamailioCluster, phones: list[SipPhone]) -> None:
    alice, bob = phones
    sent = alice.call("bob")
    rung = bob.rung()
    for user in ("alice", "bob"):
        cluster.when(user, lambda p: p.status is Status.RINGING, "ringing")
    bob.answer(rung)
    call = alice.answered(sent)
    for user, other in (("alice", "bob"), ("bob", "alice")):
        state = cluster.when(user, lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
        assert [leg.peer for leg in state.calls] == [other]
    bob.next("ACK ")
    alice.hang_up(call)
    bob.hung_up()
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.CALL_ENDED
    assert ended(cluster, sent) == [
        ("sip:alice@example.test", None, HungUpBy.CALLER),
        ("sip:bob@example.test", None, HungUpBy.CALLER),
    ]


def test_a_call_that_the_callee_or_the_server_ends_shows_that(
    cluster: KamailioCluster, phones: list[SipPhone]
) -> None:
    alice, bob = phones
    sent = alice.call("bob")
    answered = bob.answer(bob.rung())
    alice.answered(sent)
    bob.next("ACK ")
    bob.hang_up(answered)
    alice.hung_up()
    assert {by for _, _, by in ended(cluster, sent)} == {HungUpBy.CALLEE}

    sent = alice.call("bob")
    bob.answer(bob.rung())
    alice.answered(sent)
    bob.next("ACK ")
    rpc(cluster, "dlg.terminate_dlg", sent.header("Call-ID"), f"a{alice.port}", f"b{bob.port}")
    alice.hung_up()
    bob.hung_up()
    assert {by for _, _, by in ended(cluster, sent)} == {HungUpBy.SERVER}

    sent = alice.call("bob")
    bob.reply(bob.rung(), "486 Busy Here")
    alice.refused(sent, 486)
    assert {(status, by) for _, status, by in ended(cluster, sent)} == {(486, HungUpBy.CALLEE)}


def test_cancelled_call(cluster: KamailioCluster, phones: list[SipPhone]) -> None:
    alice, bob = phones
    sent = alice.call("bob")
    rung = bob.rung()
    cluster.when("bob", lambda p: p.status is Status.RINGING, "ringing")
    alice.cancel(sent)
    bob.cancelled(rung)
    alice.refused(sent, 487)
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.CALL_ENDED
    assert ended(cluster, sent) == [
        ("sip:alice@example.test", 487, HungUpBy.CALLER),
        ("sip:bob@example.test", 487, HungUpBy.CALLER),
    ]


def test_call_that_ended_while_the_producer_was_stopped(
    cluster: KamailioCluster, phones: list[SipPhone]
) -> None:
    """The producer is killed; its next start lists the dialogs there are."""
    alice, bob = phones
    call = talk(alice, bob)
    cluster.when("bob", lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
    cluster.registrar.producer.kill()
    alice.hang_up(call)
    bob.hung_up()
    cluster.registrar.producer.start()
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.MISSING_FROM_SNAPSHOT


def test_producer_started_during_a_call_learns_its_users(
    cluster: KamailioCluster, phones: list[SipPhone]
) -> None:
    """Its listing shows the users of a call whose end is then reported."""
    alice, bob = phones
    cluster.registrar.producer.kill()
    call = talk(alice, bob)
    cluster.registrar.producer.start()
    for user in ("alice", "bob"):
        cluster.when(user, lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
    alice.hang_up(call)
    bob.hung_up()
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.CALL_ENDED


def test_killed_server_ends_its_bindings(cluster: KamailioCluster, port: int) -> None:
    over_tcp = registered(port, "server-tcp")
    over_udp = registered(port, "server-udp", udp=True)
    for user in ("server-tcp", "server-udp"):
        cluster.online(user)
    boot = cluster.registrar.producer.status()["boot"]
    cluster.registrar.kamailio.kill()
    assert cluster.offline("server-udp").cause is Cause.NODE_LOST
    # Over TCP the kernel may be first: all sockets of a process end with it.
    state = cluster.offline("server-tcp")
    if state.cause is not Cause.NODE_LOST:
        assert cluster.end_of(over_tcp.port).reason == "listener gone"
        assert cluster.end_of(over_tcp.port).id in state.evidence
    (down,) = [e for e in cluster.nodes.read() if e.kind is NodeKind.DOWN and e.node == "kam1"]
    assert down.boot == boot

    cluster.registrar.kamailio.start()
    eventually(
        lambda: cluster.registrar.is_known() and cluster.registrar.producer.status()["boot"] != boot
    )
    client = registered(port, "server-tcp")
    assert cluster.online("server-tcp").cause is Cause.REGISTERED
    client.close()
    assert cluster.offline("server-tcp").cause is Cause.CONNECTION_CLOSED
    assert cluster.history("server-udp")[-1].status is Status.OFFLINE
    over_tcp.close()
    over_udp.close()
