"""A switch that sends registrations as fast as they are read: the server of mod_event_socket.

The events have the headers that FreeSWITCH 1.10 sends for a user with few variables.
"""

import json
import socket
import threading
import time
from urllib.parse import quote

PASSWORD = "ClueCon"
_CORE = "2acff19c-0264-47eb-be1e-7570e10c74ee"


def registered(number: int) -> dict[str, str]:
    """`sofia::register` of user `number`, over UDP (so that the kernel is not queried)."""
    user, ip = (
        str(1_000_000 + number),
        f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    )
    return {
        "Event-Subclass": "sofia::register",
        "Event-Name": "CUSTOM",
        "Core-UUID": _CORE,
        "FreeSWITCH-Hostname": "fs1",
        "FreeSWITCH-Switchname": "fs1",
        "FreeSWITCH-IPv4": "192.0.2.2",
        "FreeSWITCH-IPv6": "fd00::2",
        "Event-Date-Local": "2026-11-24 06:06:06",
        "Event-Date-GMT": "Tue, 24 Nov 2026 06:06:06 GMT",
        "Event-Date-Timestamp": str(time.time_ns() // 1000),
        "Event-Calling-File": "sofia_reg.c",
        "Event-Calling-Function": "sofia_reg_handle_register_token",
        "Event-Calling-Line-Number": "2059",
        "Event-Sequence": str(1_000 + number),
        "profile-name": "internal",
        "from-user": user,
        "from-host": "sip.example.test",
        "presence-hosts": "sip.example.test",
        "contact": f'"" <sip:{user}@{ip}:5060>',
        "call-id": f"{number:016x}@{ip}",
        "rpid": "unknown",
        "status": "Registered(UDP)",
        "expires": "3600",
        "to-user": user,
        "to-host": "sip.example.test",
        "network-ip": ip,
        "network-port": "5060",
        "username": user,
        "realm": "sip.example.test",
        "user-agent": "Yealink SIP-T46S 66.84.0.15",
        "sip_auth_username": user,
        "sip_auth_realm": "sip.example.test",
        "user_name": user,
        "domain_name": "sip.example.test",
        "accountcode": f"acct{user}",
        "user_context": "default",
    }


def as_json(event: dict[str, str]) -> bytes:
    """The frame after `event json`."""
    body = json.dumps(event, separators=(",", ":")).encode()
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(body), body)


def as_plain(event: dict[str, str]) -> bytes:
    """The frame after `event plain`, the only form greenswitch can read."""
    body = "".join(f"{name}: {quote(value)}\n" for name, value in event.items()) + "\n"
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(body), body.encode())


class Switch:
    """Listens on `port`; a client that subscribes gets all events in its format."""

    def __init__(self, events: int) -> None:
        events_ = [registered(number) for number in range(events)]
        self._frames = {
            "json": b"".join(map(as_json, events_)),
            "plain": b"".join(map(as_plain, events_)),
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                self._answer(client)
            except OSError:
                return

    def _answer(self, client: socket.socket) -> None:
        client.sendall(b"Content-Type: auth/request\n\n")
        buffer = b""
        while data := client.recv(4096):
            *commands, buffer = (buffer + data).split(b"\n\n")
            for command in commands:
                verb, _, rest = command.decode().partition(" ")
                if verb == "api":
                    client.sendall(b"Content-Type: api/response\nContent-Length: 4\n\n-ERR")
                    continue
                client.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
                if verb in ("event", "events"):
                    client.sendall(self._frames[rest.partition(" ")[0]])
