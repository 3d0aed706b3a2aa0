"""`python -m benchmarks.producers`: events/s of each producer from its source into Kafka.

A FreeSWITCH event socket and an OpenSIPS event stream that always have more events, and thousands
of real sockets that close at once; for comparison greenswitch alone. Each event must be in Kafka
once. The last line is one JSON object.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
from typing import Any

from benchmarks.clients import CONNECTIONS_MAX, Clients, Servers
from benchmarks.figures import finish
from benchmarks.log import Log, per_second
from benchmarks.phones import watching
from benchmarks.scene import NotReached, Scene, progress
from benchmarks.switch import Switch
from local.network import free_port
from schemas.codec import decode
from schemas.connection import ConnectionEvent
from schemas.registration import RegistrationEvent
from schemas.topics import CONNECTIONS, REGISTRATIONS

TIMEOUT_SECONDS = 120.0


def measure_freeswitch(scene: Scene, events: int) -> dict[str, Any]:
    """The producer, and then greenswitch, each alone with the switch."""
    switch, log = Switch(events), Log(scene.kafka, REGISTRATIONS)
    try:
        progress("the FreeSWITCH producer...")
        settings = {"PORT": str(switch.port), "KERNEL": "off", "NODE": "fs1"}
        producer = scene.prepare_stage(
            "freeswitch", **{f"ROLLCALL_FREESWITCH_{name}": v for name, v in settings.items()}
        )
        producer.start()
        records = log.take(events, TIMEOUT_SECONDS)
        _check({decode(RegistrationEvent, value).aor for _, value in records}, events)
        producer.stop()
        progress("greenswitch alone...")
        command = [sys.executable, "-m", "benchmarks.peers.greenswitch_alone"]
        alone = subprocess.run(
            [*command, str(switch.port), str(events)],
            stdout=subprocess.PIPE,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
    finally:
        switch.close()
        log.close()
    return {
        "producer_events_per_second": per_second([at for at, _ in records]),
        "greenswitch_alone_events_per_second": round(events / float(alone.stdout)),
    }


def measure_opensips(scene: Scene, events: int) -> dict[str, Any]:
    """Over event_stream: it waits for a slow reader, while datagrams would be lost."""
    progress("the OpenSIPS producer...")
    port, log = free_port(), Log(scene.kafka, REGISTRATIONS)
    scene.stage(
        "opensips",
        ROLLCALL_OPENSIPS_NODE="os1",
        ROLLCALL_OPENSIPS_KERNEL="off",
        ROLLCALL_OPENSIPS_LISTEN_STREAM=f"127.0.0.1:{port}",
        ROLLCALL_OPENSIPS_LISTEN_DATAGRAM=f"127.0.0.1:{free_port()}",
    )
    events_sent = b"".join(_inserted(number) for number in range(events))
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(events_sent)
        records = log.take(events, TIMEOUT_SECONDS)
    log.close()
    _check({decode(RegistrationEvent, value).aor for _, value in records}, events)
    return {"producer_events_per_second": per_second([at for at, _ in records])}


def _inserted(number: int) -> bytes:
    """E_UL_CONTACT_INSERT as OpenSIPS 3.6 sends it."""
    ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    parameters = {
        "domain": "location",
        "aor": f"{1_000_000 + number}@sip.example.test",
        "uri": f"sip:{1_000_000 + number}@{ip}:5060",
        "received": None,
        "path": None,
        "qval": -1,
        "user_agent": "RigPhone/1.0",
        "socket": "udp:127.0.0.1:5070",
        "bflags": 0,
        "expires": int(time.time()) + 3600,
        "callid": f"{number:016x}@{ip}",
        "cseq": 1,
        "attr": "",
        "latency": 0,
        "shtag": "",
    }
    event = {"jsonrpc": "2.0", "method": "E_UL_CONTACT_INSERT", "params": parameters}
    return json.dumps(event, separators=(",", ":")).encode()


def measure_sockets(scene: Scene, connections: int) -> dict[str, Any]:
    """All connections are closed at once by `kill -9` of their clients, until Kafka has all."""
    servers = Servers(3)
    shares = [min(CONNECTIONS_MAX, connections - n) for n in range(0, connections, CONNECTIONS_MAX)]
    try:
        watcher = scene.stage("sockets", **watching(servers))
        progress(f"{connections:,} connections...")
        clients = [Clients(servers.port, share) for share in shares]
        log = Log(scene.kafka, CONNECTIONS)
        progress("killing their clients...")
        began = time.monotonic()
        for one in clients:
            one.kill()
        records = log.take(connections, TIMEOUT_SECONDS)
        ports = [decode(ConnectionEvent, value).remote.port for _, value in records]
        _check(set(ports), connections)
        overflows = watcher.status()["overflows"]
        log.close()
    finally:
        servers.close()
    return {
        "connections": connections,
        "producer_events_per_second": per_second([at for at, _ in records]),
        "all_told_s": round(records[-1][0] - began, 2),
        "overflows": overflows,
    }


def _check(distinct: set[Any], count: int) -> None:
    """Raises NotReached unless each event was read once."""
    if len(distinct) != count:
        raise NotReached(f"{len(distinct)} different events of {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000, help="of each server")
    parser.add_argument("--connections", type=int, default=20_000)
    arguments = parser.parse_args()
    with Scene() as scene:
        result = {
            "freeswitch": measure_freeswitch(scene, arguments.events),
            "opensips": measure_opensips(scene, arguments.events),
            "sockets": measure_sockets(scene, arguments.connections),
        }
    finish(result | {"wrong": 0})


if __name__ == "__main__":
    main()
