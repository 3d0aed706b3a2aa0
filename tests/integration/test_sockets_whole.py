"""From a client's crash to the presence a subscriber reads: real sockets, kernel and Kafka."""

import json
import time
from pathlib import Path

import pytest

from runtime.kafka import KafkaSettings
from schemas.connection import ConnectionEvent
from schemas.presence import Presence
from schemas.topics import CONNECTIONS, REGISTRATIONS
from schemas.vocabulary import Cause, RegistrationKind, Source, Status, Transport
from tests.eventually import eventually
from tests.freeswitch_answers import PROFILES
from tests.integration.black_hole import cable
from tests.integration.freeswitch_process import records
from tests.integration.scripted_switch import ScriptedSwitch
from tests.integration.sockets_support import Server, name_of, reset
from tests.kafka_logs import presences
from tests.stages import StageProcess


def registered(
    seq: int,
    user: str,
    client: tuple[str, int],
    transport: str = "TCP",
    contact: tuple[str, int] | None = None,
) -> bytes:
    """The frame of a sofia::register, as the switch sends it."""
    host, port = contact or client
    named = ";transport=tcp" if transport == "TCP" else ""
    headers = {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "sofia::register",
        "Core-UUID": "b0c0-boot",
        "FreeSWITCH-Switchname": "fs1",
        "Event-Date-Timestamp": str(time.time_ns() // 1000),
        "Event-Sequence": str(seq),
        "profile-name": "internal",
        "from-user": user,
        "from-host": "example.test",
        "contact": f"<sip:{user}@{host}:{port}{named}>",
        "call-id": f"{user}@phone",
        "status": f"Registered({transport})",
        "expires": "3600",
        "network-ip": client[0],
        "network-port": str(client[1]),
    }
    body = json.dumps(headers).encode()
    head = f"Content-Length: {len(body)}\nContent-Type: text/event-json\n\n"
    return head.encode() + body


def ends_of(kafka: KafkaSettings, client: tuple[str, int]) -> list[ConnectionEvent]:
    """What Kafka holds of the ends of a client's connections."""
    found = [event for _, event in records(kafka, CONNECTIONS) if event.kind.is_end]
    return [event for event in found if (event.remote.ip, event.remote.port) == client]


class Node:
    """A SIP server's socket, its switch's event socket, and both producers beside them."""

    def __init__(self, kafka: KafkaSettings, folder: Path, server: Server) -> None:
        self.kafka = kafka
        profiles = PROFILES.replace("5066", str(server.port)).replace("5067", str(server.port))
        self.switch = ScriptedSwitch(answers={"sofia xmlstatus": profiles})
        self.switch.__enter__()
        spool = str(folder / "spool")
        self.watcher = StageProcess(
            "producers.sockets.stage",
            folder,
            kafka,
            ROLLCALL_SOCKETS_NODE="fs1",
            ROLLCALL_SOCKETS_PORTS=f'["{server.port}"]',
            ROLLCALL_PUBLISHER_SPOOL_FOLDER=spool,
        )
        self.producer = StageProcess(
            "producers.freeswitch.stage",
            folder,
            kafka,
            ROLLCALL_FREESWITCH_NODE="fs1",
            ROLLCALL_FREESWITCH_PORT=str(self.switch.port),
            ROLLCALL_PUBLISHER_SPOOL_FOLDER=spool,
        )

    def __enter__(self) -> "Node":
        eventually(lambda: self.producer.status()["asks_kernel"])
        return self

    def __exit__(self, *error: object) -> None:
        self.producer.terminate()
        self.watcher.terminate()
        self.switch.__exit__(None, None, None)

    def state_of(self, user: str) -> Presence | None:
        found = [p for p in presences(self.kafka) if p.aor == f"sip:{user}@example.test"]
        return max(found, key=lambda p: p.version, default=None)

    def is_online(self, user: str) -> bool:
        state = self.state_of(user)
        return state is not None and state.status is Status.ONLINE

    def is_suspect(self, user: str, suspect: bool) -> Presence | None:
        """The user's state, if the one binding is, or is not, suspect."""
        state = self.state_of(user)
        right = state is not None and [b.suspect for b in state.bindings] == [suspect]
        return state if right else None

    def goes_online(self, user: str) -> None:
        eventually(lambda: self.is_online(user), 60, what=f"{user} online")

    def goes_offline(self, user: str) -> Presence:
        def offline() -> Presence | None:
            state = self.state_of(user)
            return state if state is not None and state.status is Status.OFFLINE else None

        found = eventually(offline, 30, what=f"{user} offline")
        assert found is not None
        return found


@pytest.mark.timeout(300)
def test_a_crash_is_offline_with_its_cause(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        Server() as server,
        Node(kafka, tmp_path, server) as node,
        StageProcess("streams.stage", tmp_path, kafka),
    ):
        alice, bob, carol = server.connect(), server.connect(), server.connect()
        node.switch.send(registered(1, "alice", name_of(alice)))
        node.switch.send(registered(2, "bob", name_of(bob)))
        # carol's Contact lacks ;transport=tcp: the switch calls it UDP, the kernel knows better.
        node.switch.send(registered(3, "carol", name_of(carol), "UDP"))
        for user in ("alice", "bob", "carol"):
            node.goes_online(user)

        alice.close()
        reset(bob)
        carol.close()
        causes = {user: node.goes_offline(user).cause for user in ("alice", "bob", "carol")}
        assert causes == {
            "alice": Cause.CONNECTION_CLOSED,
            "bob": Cause.CONNECTION_RESET,
            "carol": Cause.CONNECTION_CLOSED,
        }

        # Gone before the switch's event was read, and no cookie is known.
        dave = server.connect()
        dave_name = name_of(dave)
        reset(dave)
        node.switch.send(registered(4, "dave", dave_name))
        # (The watcher saw the RST itself: by the clock that may count as this registration's end.)
        possible = (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
        assert node.goes_offline("dave").cause in possible

        # The same binding anew over a second connection before the first one ends: stays online.
        first, second = server.connect(), server.connect()
        first_name, second_name = name_of(first), name_of(second)
        node.switch.send(registered(5, "erin", first_name))
        node.goes_online("erin")
        node.switch.send(registered(6, "erin", second_name, contact=first_name))
        eventually(lambda: any(e.seq == 6 for _, e in records(kafka, REGISTRATIONS)))
        first.close()
        eventually(lambda: ends_of(kafka, first_name))
        assert node.is_online("erin")
        second.close()
        last = node.goes_offline("erin")
        assert last.cause is Cause.CONNECTION_CLOSED
        assert ends_of(kafka, second_name)[0].id in last.evidence
        of_erin = [p.status for p in presences(kafka) if p.aor == last.aor]
        assert of_erin.count(Status.OFFLINE) == 1

    registrations = {e.aor: e for _, e in records(kafka, REGISTRATIONS) if e.aor}
    ends = {e.connection: e for _, e in records(kafka, CONNECTIONS) if e.kind.is_end}
    for user in ("alice", "bob", "carol"):
        event = registrations[f"sip:{user}@example.test"]
        assert event.kind is RegistrationKind.REGISTERED
        end = ends[f"fs1/127.0.0.1:{event.remote.port}"]
        assert event.cookie == end.cookie
        assert end.source is Source.SOCKETS
    assert registrations["sip:carol@example.test"].transport is Transport.TCP
    # Its end is the watcher's report, or the producer's own where the kernel made it in time.
    assert ends_of(kafka, dave_name)
    assert not registrations["sip:alice@example.test"].transport_claimed


@pytest.mark.timeout(300)
def test_a_black_holed_client_is_suspect_and_recovers_when_the_link_returns(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    with (
        cable() as link,
        Server(link.here) as server,
        Node(kafka, tmp_path, server) as node,
        StageProcess("streams.stage", tmp_path, kafka),
        link.client(server.port) as (process, name),
    ):
        node.switch.send(registered(1, "alice", name))
        node.goes_online("alice")
        link.cut()
        server.connections[name].sendall(b"OPTIONS")
        began = time.monotonic()
        suspect = eventually(lambda: node.is_suspect("alice", True), 30)
        assert time.monotonic() - began < 10
        assert suspect is not None
        assert suspect.reachable
        assert suspect.cause is Cause.CONNECTION_SUSPECT
        link.mend()
        recovered = eventually(lambda: node.is_suspect("alice", False), 30)
        assert recovered is not None
        assert recovered.cause is Cause.CONNECTION_RECOVERED
        process.kill()
        assert node.goes_offline("alice").cause is Cause.CONNECTION_RESET
