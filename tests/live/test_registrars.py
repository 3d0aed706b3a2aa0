"""Real clients, registrars and kernel: what a subscriber reads of OpenSIPS and FreeSWITCH."""

from collections.abc import Iterator

import pytest

from schemas.vocabulary import Cause, RegistrationKind, Status, Transport
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.sip_client import KilledClient, SipClient, quiet_port, registered
from tests.integration.sip_phone import SipPhone, talk
from tests.live.clusters import NODE, LiveCluster


@pytest.fixture(scope="module", params=["opensips", "freeswitch"])
def cluster(
    request: pytest.FixtureRequest, broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveCluster]:
    with own_topics(broker) as kafka:
        running = LiveCluster(request.param, kafka, tmp_path_factory.mktemp(request.param))
        yield running
        running.stop()


@pytest.fixture
def port(cluster: LiveCluster) -> int:
    """Where the registrar listens."""
    return cluster.server.port


def test_kill_9_of_the_client(cluster: LiveCluster, port: int) -> None:
    client = KilledClient(port, "killed")
    cluster.online("killed")
    client.kill()
    state = cluster.offline("killed")
    assert state.cause in (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
    events = [e for e in cluster.registrations.read() if e.aor == state.aor]
    event = next(e for e in events if e.kind is RegistrationKind.REGISTERED)
    assert event.cookie is not None
    # OpenSIPS reports the end, too; the kernel knows which connection it was.
    assert any(end.cookie == event.cookie for end in cluster.connections.read())


@pytest.mark.parametrize(
    ("end", "causes"),
    [
        # OpenSIPS reports an end without its kind, and may be before the kernel.
        ("reset", {Cause.CONNECTION_RESET, Cause.CONNECTION_CLOSED}),
        ("close", {Cause.CONNECTION_CLOSED}),
        ("half_close", {Cause.CONNECTION_CLOSED}),
        ("unregister", {Cause.UNREGISTERED}),
    ],
)
def test_each_end_has_its_cause(
    cluster: LiveCluster, port: int, end: str, causes: set[Cause]
) -> None:
    user = f"ends-by-{end}"
    client = registered(port, user)
    cluster.online(user)
    getattr(client, end)()
    assert cluster.offline(user).cause in causes
    client.close()


def test_all_contacts_are_taken_back(cluster: LiveCluster, port: int) -> None:
    client = registered(port, "ends-by-star")
    cluster.online("ends-by-star")
    client.contact = "*"
    client.unregister()
    if cluster.kind == "freeswitch":  # with multiple-registrations it keeps them all
        cluster.fold_all(port)
        assert cluster.offline_count("ends-by-star") == 0
        client.close()
        cluster.offline("ends-by-star")
        return
    assert cluster.offline("ends-by-star").cause in {
        Cause.UNREGISTERED,
        Cause.MISSING_FROM_SNAPSHOT,
    }
    client.close()


@pytest.mark.parametrize("same_contact", [True, False])
def test_registered_again_before_the_old_connection_ends(
    cluster: LiveCluster, port: int, same_contact: bool
) -> None:
    user = f"moves-{same_contact}".lower()
    second = cluster.moved(port, user, NODE, same_contact=same_contact)
    second.close()
    assert cluster.offline(user).cause is Cause.CONNECTION_CLOSED


def test_end_of_the_last_client_does_not_end_the_next_on_its_port(
    cluster: LiveCluster, port: int
) -> None:
    first = registered(port, "port-old", port=quiet_port())
    cluster.online("port-old")
    first.reset()
    second = registered(port, "port-new", port=first.port)
    cluster.offline("port-old")
    cluster.online("port-new")
    cluster.fold_all(port)
    assert cluster.online("port-new").bindings[0].contact == second.contact
    assert cluster.offline_count("port-new") == 0
    second.close()
    assert cluster.offline("port-new").cause is Cause.CONNECTION_CLOSED


def test_user_of_two_devices_is_offline_with_the_second(cluster: LiveCluster, port: int) -> None:
    desk, mobile = registered(port, "both"), registered(port, "both")
    cluster.online("both", devices=2)
    desk.close()
    state = cluster.online("both", devices=1)
    assert state.bindings[0].contact == mobile.contact
    mobile.close()
    assert cluster.offline("both").cause is Cause.CONNECTION_CLOSED
    assert cluster.offline_count("both") == 1


def test_a_client_over_udp_unregisters(cluster: LiveCluster, port: int) -> None:
    client = registered(port, "datagrams", udp=True)
    state = cluster.online("datagrams")
    assert state.bindings[0].transport is Transport.UDP
    client.unregister()
    assert cluster.offline("datagrams").cause is Cause.UNREGISTERED
    client.close()


def test_what_happened_while_nobody_listened(cluster: LiveCluster, port: int) -> None:
    """The producer is killed; its next start lists what there is."""
    left, came = registered(port, "missed", udp=True), SipClient(port, "carol", udp=True)
    cluster.online("missed")
    cluster.node.producer.kill()
    left.unregister()
    came.register()
    cluster.node.producer.start()
    assert cluster.online("carol").cause is Cause.FOUND_IN_SNAPSHOT
    assert cluster.offline("missed").cause is Cause.MISSING_FROM_SNAPSHOT
    came.unregister()
    cluster.offline("carol")
    left.close()
    came.close()


@pytest.fixture
def phones(cluster: LiveCluster, port: int) -> Iterator[list[SipPhone]]:
    """Alice's and Bob's, both registered."""
    with cluster.phones(port, "alice", "bob") as both:
        yield both


def test_answered_call(cluster: LiveCluster, phones: list[SipPhone]) -> None:
    alice, bob = phones
    sent = alice.call("bob")
    rung = bob.rung()
    for user in ("alice", "bob"):
        cluster.when(user, lambda p: p.status is Status.RINGING, "ringing")
    answered = bob.answer(rung)
    call = alice.answered(sent)
    for user, other in (("alice", "bob"), ("bob", "alice")):
        state = cluster.when(user, lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
        assert [leg.peer for leg in state.calls] == [other]
    assert answered.call_id
    alice.hang_up(call)
    bob.hung_up()
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.CALL_ENDED


def test_a_call_that_nobody_answers(cluster: LiveCluster, phones: list[SipPhone]) -> None:
    alice, bob = phones
    sent = alice.call("bob")
    rung = bob.rung()
    cluster.when("bob", lambda p: p.status is Status.RINGING, "ringing")
    alice.cancel(sent)
    bob.cancelled(rung)
    alice.refused(sent, 487)
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.CALL_ENDED


def test_call_that_ended_while_the_producer_was_stopped(
    cluster: LiveCluster, phones: list[SipPhone]
) -> None:
    alice, bob = phones
    call = talk(alice, bob)
    for user in ("alice", "bob"):
        cluster.when(user, lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
    cluster.node.producer.kill()
    alice.hang_up(call)
    bob.hung_up()
    cluster.node.producer.start()
    for user in ("alice", "bob"):
        assert cluster.online(user).cause is Cause.MISSING_FROM_SNAPSHOT


def test_a_phone_that_dies_on_the_phone(cluster: LiveCluster, port: int) -> None:
    alice, bob = SipPhone(port, "alice"), SipPhone(port, "bob")
    alice.register()
    bob.register()
    cluster.online("bob")
    talk(alice, bob)
    cluster.when("bob", lambda p: p.status is Status.ON_THE_PHONE, "on the phone")
    bob.reset()
    state = cluster.when("bob", lambda p: not p.reachable, "out of reach")
    assert state.cause in {Cause.CONNECTION_RESET, Cause.CONNECTION_CLOSED}
    alice.close()


def test_killed_server_ends_its_bindings(cluster: LiveCluster, port: int) -> None:
    over_tcp = registered(port, "server-tcp")
    over_udp = registered(port, "server-udp", udp=True)
    for user in ("server-tcp", "server-udp"):
        cluster.online(user)
    cluster.server.kill()
    cluster.offline("server-tcp")
    cluster.offline("server-udp")
    over_tcp.close()

    cluster.server.start()
    eventually(cluster.is_known, what="the server answers its producer again")
    cluster.fold_all(port)
    assert cluster.history("server-tcp")[-1].status is Status.OFFLINE
    # FreeSWITCH keeps its registrations in a file; of those over UDP nobody knows otherwise.
    if cluster.kind == "freeswitch":
        assert cluster.online("server-udp").cause is Cause.FOUND_IN_SNAPSHOT
    else:
        assert cluster.history("server-udp")[-1].status is Status.OFFLINE
    client = registered(port, "server-tcp")
    assert cluster.online("server-tcp").cause is Cause.REGISTERED
    client.close()
    assert cluster.offline("server-tcp").cause is Cause.CONNECTION_CLOSED
    over_udp.close()
