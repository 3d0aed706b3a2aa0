"""The kernel watcher on this kernel: each end is published once, with its cause."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.network import free_port
from producers.sockets.query import ConnectionQuery, Found
from schemas.origin import Address
from schemas.vocabulary import ConnectionKind as Kind
from schemas.vocabulary import Transport
from tests.eventually import eventually
from tests.integration.sockets_support import (
    Server,
    knows,
    name_of,
    reset,
    watching,
)


def cookie(port: int, client: tuple[str, int]) -> int:
    query = ConnectionQuery([port])
    answer = query.cookie_of(None, Address(ip=client[0], port=client[1]))
    query.close()
    assert isinstance(answer, Found)
    return answer.cookie


def test_fin_is_closed_and_carries_the_cookie_a_query_gives() -> None:
    with Server() as server, watching([server.port]) as (_, seen):
        client = server.connect()
        name = name_of(client)
        expected = cookie(server.port, name)
        client.close()
        event = seen.wait_for(name)
    assert (event.kind, event.cookie) == (Kind.CLOSED, expected)
    assert event.local == Address(ip="127.0.0.1", port=server.port)
    assert event.connection == f"n1/127.0.0.1:{name[1]}"
    assert event.transport is Transport.TCP
    assert event.id == f"n1/{event.boot}/sock-{expected}/closed"
    assert [e.id for e in seen.events] == [event.id]  # not the client's end, and once


def test_rst_is_reset() -> None:
    with Server() as server, watching([server.port]) as (_, seen):
        client = server.connect()
        name = name_of(client)
        reset(client)
        assert seen.wait_for(name).kind is Kind.RESET


def test_a_reset_by_the_server_is_reported_though_the_kernel_wipes_the_peer() -> None:
    with Server(late=True) as server, watching([server.port], dump_seconds=0.05) as (watcher, seen):
        client = server.connect()
        name = name_of(client)
        knows(watcher, 1)
        expected = cookie(server.port, name)
        reset(server.connections[name])
        event = seen.wait_for(name)
    assert (event.kind, event.cookie) == (Kind.RESET, expected)


def test_kill_9_of_a_client_process() -> None:
    with Server() as server, watching([server.port]) as (_, seen):
        script = (
            "import socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
            "c.sendall(b'REGISTER'); c.recv(100); print(c.getsockname()[1], flush=True);"
            "sys.stdin.read()"
        )
        command = [sys.executable, "-c", script, str(server.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            name = ("127.0.0.1", int(process.stdout.readline()))
            os.kill(process.pid, signal.SIGKILL)
            event = seen.wait_for(name)
    assert event.kind is Kind.CLOSED


def test_a_half_close_the_server_ignores_is_found_by_a_dump_and_reported_once() -> None:
    with Server(late=True) as server, watching([server.port], dump_seconds=0.1) as (_, seen):
        client = server.connect()
        name = name_of(client)
        client.shutdown(socket.SHUT_WR)
        event = seen.wait_for(name)
        assert (event.kind, event.reason) == (
            Kind.CLOSED,
            "closed by the client, not by the server",
        )
        server.connections[name].close()
        client.close()
        other = server.connect()
        reset(other)
        seen.wait_for(name_of_closed := (event.remote.ip, event.remote.port))
    assert len(seen.of(name_of_closed)) == 1


def test_a_reset_the_server_does_not_notice_vanishes_from_the_dump() -> None:
    with Server(late=True) as server, watching([server.port], dump_seconds=0.1) as (watcher, seen):
        client = server.connect()
        name = name_of(client)
        knows(watcher, 1)
        reset(client)
        event = seen.wait_for(name)
        assert event.kind is Kind.RESET
        assert event.reason == "missing from a dump, not closed by the server"
        server.connections[name].close()  # its destroy notification comes now
        received = watcher.status()["received"]
        eventually(lambda: watcher.status()["received"] > received or received > 0)
    assert len(seen.of(name)) == 1


def test_a_close_is_no_reset_though_the_kernel_notifies_late() -> None:
    """The server runs in real time, as FreeSWITCH may (`-rp`), and is busy after the close: the
    kernel's thread on its core sends nothing meanwhile, and dumps lack the connection already."""
    script = (
        "import os, socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1));"
        "print(s.getsockname()[1], flush=True); c = s.accept()[0]; c.recv(1); c.close();"
        "end = time.monotonic() + 0.4\n"
        "while time.monotonic() < end: pass\n"
        "sys.stdin.read()"
    )
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("the watcher needs a core of its own")
    command = [sys.executable, "-c", script, str(free_port())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        port = process.stdout.readline()
        if not port:
            assert b"PermissionError" in process.stderr.read()
            pytest.skip("real-time priority needs CAP_SYS_NICE")
        with watching([int(port)], dump_seconds=0.05) as (watcher, seen):
            client = socket.create_connection(("127.0.0.1", int(port)))
            name = name_of(client)
            knows(watcher, 1)
            client.close()
            event = seen.wait_for(name)
    assert (event.kind, event.reason) == (Kind.CLOSED, None)


def test_one_port_used_twice_is_two_incarnations() -> None:
    # An address of its own: a port that the kernel chooses on 127.0.0.1 may be shared with
    # other connections (in TIME_WAIT, of other tests), and then cannot be bound again.
    with Server() as server, watching([server.port]) as (_, seen):
        first = server.connect(source=("127.0.0.7", 0))
        name = name_of(first)
        one = cookie(server.port, name)
        reset(first)  # leaves no TIME_WAIT: the port is free at once
        seen.wait_for(name)
        del server.connections[name]
        second = server.connect(source=name)
        two = cookie(server.port, name)
        second.close()
        eventually(lambda: len(seen.of(name)) == 2)
    assert [event.cookie for event in seen.of(name)] == [one, two]
    assert len({event.id for event in seen.events}) == 2


@pytest.mark.parametrize(
    ("listens_on", "client_host", "remote"),
    [("::1", "::1", "::1"), ("::", "127.0.0.1", "127.0.0.1"), ("::", "::1", "::1")],
    ids=["ipv6", "dual-stack, IPv4 client", "dual-stack, IPv6 client"],
)
def test_ipv6_and_dual_stack(listens_on: str, client_host: str, remote: str) -> None:
    with Server(listens_on) as server, watching([server.port]) as (_, seen):
        client = server.connect(client_host)
        name = name_of(client)
        expected = cookie(server.port, name)
        client.close()
        event = seen.wait_for((remote, name[1]))
    assert (event.cookie, event.kind) == (expected, Kind.CLOSED)
    host = f"[{remote}]" if ":" in remote else remote
    assert event.connection == f"n1/{host}:{name[1]}"


def test_the_server_dying_marks_every_end() -> None:
    script = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
        "print(s.getsockname()[1], flush=True); held = [s.accept() for _ in range(20)];"
        "print('all', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(free_port())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with watching([port]) as (watcher, seen):
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
            assert process.stdout.readline() == b"all\n"
            os.kill(process.pid, signal.SIGKILL)
            eventually(lambda: len(seen.events) == 20)
            assert {event.reason for event in seen.events} == {"listener gone"}
            assert watcher.status()["listening"] == []
            with Server(port=port) as server:
                eventually(lambda: watcher.status()["listening"] == [port])
                server.connect().close()
                eventually(lambda: len(seen.events) == 21)
            assert seen.events[-1].reason is None
        for client in clients:
            client.close()


def test_what_ended_while_no_watcher_ran_is_reported_at_the_next_start(tmp_path: Path) -> None:
    memory = tmp_path / "sockets.known"
    with Server() as server:
        server.connect()
        goes = server.connect()
        name = name_of(goes)
        with watching([server.port], memory) as (watcher, seen):
            knows(watcher, 2)
        assert seen.events == []
        expected = cookie(server.port, name)
        goes.close()
        eventually(lambda: server.connections[name].fileno() == -1)
        with watching([server.port], memory) as (_, seen):
            event = seen.wait_for(name)
    assert (event.kind, event.cookie) == (Kind.CLOSED, expected)
    assert event.reason == "ended while nobody watched"
    assert len(seen.events) == 1


def test_3000_at_once_through_a_tiny_buffer_miss_none() -> None:
    """The kernel loses most notifications; the dump shows the rest, each once."""
    with Server() as server, watching([server.port], receive_buffer_bytes=4096) as (watcher, seen):
        clients = [server.connect() for _ in range(3000)]
        knows(watcher, 3000)
        names = {name_of(client) for client in clients}
        for client in clients:
            reset(client)
        eventually(lambda: len(seen.events) > 2999, 30)
        status = watcher.status()
    published = [(event.remote.ip, event.remote.port) for event in seen.events]
    assert sorted(published) == sorted(names)
    assert status["overflows"] > 0, "the buffer was not small enough to prove anything"


def test_a_reader_that_stood_still_misses_none() -> None:
    """Also within the process: a full queue is an overflow, and a dump reconciles."""
    with (
        Server() as server,
        watching([server.port], queue_max_messages=10, dump_seconds=0.2) as (watcher, seen),
    ):
        clients = [server.connect() for _ in range(500)]
        knows(watcher, 500)
        # The disk is full, Kafka is away: publish() does not return until the queue has overflowed.
        seen.wait = lambda: eventually(lambda: watcher.status()["overflows"] > 0, 30)
        for client in clients:
            client.close()
        eventually(lambda: len(seen.events) >= 500, 30)
    assert len({event.id for event in seen.events}) == len(seen.events) == 500
