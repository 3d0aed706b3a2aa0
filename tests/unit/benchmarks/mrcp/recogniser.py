"""A recogniser as a script: it answers SIP, MRCPv2 and RTP as RFC 6787 has it, or as a test wants.

It hears speech in any packet that is not silence, and completes `after` seconds after the last.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.mrcp.message import request

SILENCE = b"\xff"


@dataclass
class Script:
    """`status` of its INVITEs and RECOGNIZEs; `ignored`: INVITEs it does not answer at first."""

    after: float = 0.1
    invite: int = 200
    recognize: str = "200 IN-PROGRESS"
    cause: str = "000 success"
    ignored: int = 0
    ends: bool = False


@dataclass
class Recogniser(asyncio.DatagramProtocol):
    """One server; `calls` are those that are open, `byes` how many it has seen end."""

    script: Script
    calls: set[str] = field(default_factory=set)
    byes: int = 0
    invites: int = 0
    listeners: dict[str, "_Listener"] = field(default_factory=dict)
    tasks: set[Any] = field(default_factory=set)

    async def start(self) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        self.control = await asyncio.start_server(self._control, "127.0.0.1", 0)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.transport = transport
        return ("127.0.0.1", transport.get_extra_info("sockname")[1])

    def stop(self) -> None:
        audio = [listener.transport for listener in self.listeners.values()]
        for one in (self.transport, self.control, *audio):
            one.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.ensure_future(self._answer(data, addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, data: bytes, addr: Any) -> None:
        head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        method = head[0].split(" ")[0]
        headers = dict(line.split(": ", 1) for line in head[1:])
        status, body = 200, ""
        if method == "ACK":
            return
        if method == "INVITE":
            self.invites += 1
            if self.invites <= self.script.ignored:
                return
            status, body = self.script.invite, await self._open(headers["Call-ID"])
        else:
            self.byes += 1
            self.calls.discard(headers["Call-ID"])
        kept = "".join(f"{n}: {headers[n]}\r\n" for n in ("Via", "From", "Call-ID", "CSeq"))
        to = headers["To"] if ";tag=" in headers["To"] else headers["To"] + ";tag=server"
        self.transport.sendto(
            f"SIP/2.0 {status} -\r\n{kept}To: {to}\r\nContact: <sip:s@127.0.0.1>\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode(),
            addr,
        )

    async def _open(self, call: str) -> str:
        """A channel for a call; returns the answer that names it."""
        self.calls.add(call)
        channel = f"{len(self.listeners):04x}@speechrecog"
        listener = self.listeners[channel] = _Listener()
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: listener, local_addr=("127.0.0.1", 0)
        )
        control = self.control.sockets[0].getsockname()[1]
        audio = listener.transport.get_extra_info("sockname")[1]
        return (
            "v=0\r\nc=IN IP4 127.0.0.1\r\n"
            f"m=application {control} TCP/MRCPv2 1\r\na=channel:{channel}\r\n"
            f"m=audio {audio} RTP/AVP 0\r\n"
        )

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.read(65_536)).decode()
        if self.script.ends:
            writer.close()
            return
        channel = asked.partition("Channel-Identifier: ")[2].partition("\r\n")[0]
        spoke = self.listeners[channel].spoke
        status, state = self.script.recognize.split(" ")
        writer.write(_from_server(channel, f"1 {status} {state}"))
        if state == "IN-PROGRESS":
            await spoke.wait()
            writer.write(_from_server(channel, "START-OF-INPUT 1 IN-PROGRESS"))
            with suppress(TimeoutError):
                while True:
                    spoke.clear()
                    await asyncio.wait_for(spoke.wait(), self.script.after)
            cause = f"Completion-Cause: {self.script.cause}"
            writer.write(_from_server(channel, "RECOGNITION-COMPLETE 1 COMPLETE", cause))
        await reader.read()
        writer.close()


class _Listener(asyncio.DatagramProtocol):
    """The audio of one call; `spoke` is set with each packet that is not silence."""

    def __init__(self) -> None:
        self.spoke = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if data[12:].strip(SILENCE):
            self.spoke.set()


def _from_server(channel: str, line: str, *headers: str) -> bytes:
    """A message whose first line is not a request's: made of one, with the length set right."""
    rest = request("X", 1, {"Channel-Identifier": channel}).partition(b"\r\n")[2]
    rest = b"".join(f"{one}\r\n".encode() for one in headers) + rest
    for length in range(40, 400):
        message = f"MRCP/2.0 {length} {line}\r\n".encode() + rest
        if len(message) == length:
            return message
    raise AssertionError(line)
