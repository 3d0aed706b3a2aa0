"""FreeSWITCH's event socket over the test IVR, without FreeSWITCH: a dialled channel in real time.

It knows the commands that the dialling stage sends, and answers them as FreeSWITCH 1.10.12 does.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Any

from dialling.hearing import Detector, Listen
from tests.ivr.audio import score
from tests.ivr.detector import Run
from tests.ivr.greetings import GREETINGS
from tests.ivr.menu import Menu, Stage

_FRAME_SECONDS = 0.02
BOOT = "7b1a2f60-0000-4000-8000-00000000d1a1"


class _Channel(threading.Thread):
    """One dialled leg: answered at once, with media, until it is killed or the menu is over."""

    def __init__(self, switch: "IvrSwitch", uuid: str, number: str) -> None:
        super().__init__(daemon=True)
        self._switch, self.uuid = switch, uuid
        self.menu = Menu(GREETINGS[int(number) - 900])
        self.is_over = threading.Event()
        self._run: tuple[str, Run] | None = None
        self._waiting: list[tuple[str, Run]] = []
        self._digit: tuple[str, int] | None = None
        self.inbound = self.outbound = self.dtmf = 0
        self.lock = threading.Lock()

    def run(self) -> None:
        self._switch.fire("CHANNEL_PROGRESS", self.uuid)
        self._switch.fire("CHANNEL_ANSWER", self.uuid)
        due = time.monotonic()
        while not self.is_over.wait(max(0.0, due - time.monotonic())):
            due += _FRAME_SECONDS
            with self.lock:
                self._frame()
            if self.menu.stage is Stage.OVER:
                break
        self._switch.ended(self.uuid)

    def execute(self, identity: str, application: str, arguments: str) -> None:
        level, frames, timeout = arguments.split()[:3]
        listen = Listen(Detector(application), int(level), int(frames), int(timeout))
        with self.lock:
            self._waiting.append((identity, Run(listen)))

    def send(self, digit: str, milliseconds: int) -> None:
        with self.lock:
            self._digit = digit, milliseconds // 20

    def _frame(self) -> None:
        self.inbound += 1
        self.outbound += 1
        amplitude = score(self.menu.frame())
        if self._digit is not None:
            digit, left = self._digit
            self.dtmf += 1 if left > 1 else 3
            self._digit = (digit, left - 1) if left > 1 else None
            if left <= 1:
                self.menu.key(digit)
        if self._run is None and self._waiting:
            self._run = self._waiting.pop(0)
        if self._run is not None and (ended := self._run[1].hear(amplitude)) is not None:
            identity, run = self._run
            self._run = None
            name = str(run.listen.detector)
            self._switch.fire(
                "CHANNEL_EXECUTE_COMPLETE",
                self.uuid,
                **{
                    "Application": name,
                    "Application-UUID": identity,
                    f"variable_{name}_timeout": "true" if ended else "false",
                },
            )


class IvrSwitch:
    """Listens while entered. `originates` counts by UUID; `cut` ends every connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self.channels: dict[str, _Channel] = {}
        self.originates: Counter[str] = Counter()
        self.lines: list[str] = []
        self._globals = {"core_uuid": BOOT}

    def __enter__(self) -> "IvrSwitch":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for channel in list(self.channels.values()):
            channel.is_over.set()

    def cut(self) -> None:
        """End every event socket; the calls live on."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def fire(self, name: str, uuid: str, **headers: str) -> None:
        """One event to every connection."""
        body = json.dumps({"Event-Name": name, "Unique-ID": uuid, **headers}).encode()
        frame = b"Content-Length: %d\nContent-Type: text/event-json\n\n" % len(body)
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.sendall(frame + body)

    def ended(self, uuid: str) -> None:
        """A channel is gone."""
        self.channels.pop(uuid, None)
        self.fire("CHANNEL_HANGUP_COMPLETE", uuid, **{"Hangup-Cause": "NORMAL_CLEARING"})

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"Content-Type: auth/request\n\n")
            buffer = b""
            while data := connection.recv(4096):
                buffer += data
                while b"\n\n" in buffer:
                    command, _, buffer = buffer.partition(b"\n\n")
                    self._obey(connection, command.decode())

    def _obey(self, connection: socket.socket, command: str) -> None:
        self.lines.append(command)
        verb, _, rest = command.partition(" ")
        if verb == "api":
            body = self._api(rest).encode()
            with self._lock:
                connection.sendall(
                    b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body
                )
            return
        with self._lock:
            connection.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
            if verb == "event":
                self._sockets.append(connection)
        if verb == "bgapi":
            self._originate(rest)
        elif verb == "sendmsg":
            self._execute(rest)

    def _originate(self, line: str) -> None:
        found = re.search(r"origination_uuid=([0-9a-f-]+).*/gateway/\w+/(\d+) &park", line)
        assert found is not None, line
        uuid, number = found[1], found[2]
        channel = self.channels[uuid] = _Channel(self, uuid, number)
        self._globals[f"rollcall_dialled_{uuid}"] = "1"
        self.originates[uuid] += 1
        channel.start()

    def _execute(self, message: str) -> None:
        uuid, _, rest = message.partition("\n")
        headers = dict(line.split(": ", 1) for line in rest.split("\n"))
        if (channel := self.channels.get(uuid)) is not None:
            channel.execute(
                headers["Event-UUID"], headers["execute-app-name"], headers["execute-app-arg"]
            )

    def _api(self, command: str) -> str:
        name, _, rest = command.partition(" ")
        uuid, _, more = rest.partition(" ")
        channel = self.channels.get(uuid)
        match name:
            case "global_getvar":
                return self._globals.get(rest, "-ERR no reply\n")
            case "global_setvar":
                self._globals.pop(rest.removesuffix("="), None)
                return "+OK"
            case "uuid_exists":
                return "true" if channel else "false"
            case "uuid_dump":
                return json.dumps({"Answer-State": "answered"}) if channel else "-ERR No such"
            case "uuid_kill" if channel is not None:
                channel.is_over.set()
                return "+OK"
            case "uuid_send_dtmf" if channel is not None:
                digit, _, milliseconds = more.partition("@")
                channel.send(digit, int(milliseconds))
                return f"+OK {uuid} sent DTMF {more}.\n"
            case "json":
                return json.dumps({"response": self._stats(json.loads(rest)["data"]["uuid"])})
            case _:
                return "-ERR no such channel\n"

    def _stats(self, uuid: str) -> dict[str, Any]:
        channel = self.channels.get(uuid)
        if channel is None:
            return {"response": "Session does not exist"}
        return {
            "audio": {
                "in_media_packet_count": channel.inbound,
                "out_media_packet_count": channel.outbound,
                "out_dtmf_packet_count": channel.dtmf,
            }
        }
