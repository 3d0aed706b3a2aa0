"""A real rtpengine, and two parties that send media through it: RTP with losses, RTCP, digits."""

import contextlib
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.network import free_port
from producers.rtpengine.ng import UdpNg
from tests.eventually import eventually

PACKAGE = "rtpengine-daemon"
_SR, _PCMU, _TELEPHONE_EVENT = 200, 0, 101
_NTP_EPOCH = 2_208_988_800
_TICK = 0.02  # seconds a packet


def rtpengine_program() -> str:
    """Its path: installed with apt where that is allowed, else the test is skipped."""
    if found := shutil.which("rtpengine"):
        return found
    if os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # start no service
        for arguments in (["update", "-qq"], ["install", "-yqq", "--no-install-recommends"]):
            packages = [PACKAGE] if arguments[0] == "install" else []
            subprocess.run(
                [apt, *arguments, *packages],
                env=os.environ | quiet,
                check=False,
                capture_output=True,
                timeout=170,
            )
    if found := shutil.which("rtpengine"):
        return found
    pytest.skip(f"no rtpengine here: install the package {PACKAGE}")


class Rtpengine:
    """One process on 127.0.0.1, without the kernel's help; `start` again after a `kill`."""

    def __init__(self, folder: Path, **options: str | int) -> None:
        self.program = rtpengine_program()
        self.ng_port, self.http_port, cli_port = free_port(), free_port(), free_port()
        self._log = folder / "rtpengine.log"
        self._config = folder / "rtpengine.conf"
        first = random.randrange(12_000, 28_000, 2)
        settings: dict[str, str | int] = {
            "table": -1,
            "interface": "127.0.0.1",
            "listen-ng": f"127.0.0.1:{self.ng_port}",
            "listen-http": f"127.0.0.1:{self.http_port}",
            "listen-cli": f"127.0.0.1:{cli_port}",
            "port-min": first,
            "port-max": first + 400,
            "delete-delay": 0,
            "num-threads": 2,
            "log-level": 6,
            **options,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self._config.write_text(f"[rtpengine]\n{lines}")
        self.ng = UdpNg(f"127.0.0.1:{self.ng_port}", 2, 500)
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, f"--config-file={self._config}", "--foreground", "--log-stderr"],
                stdout=log,
                stderr=log,
            )
        eventually(self._answers, 20, what=f"rtpengine answers; see {self._log}")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()[-2000:]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(("127.0.0.1", self.http_port)) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Rtpengine":
        return self

    def __exit__(self, *error: object) -> None:
        self.ng.close()
        if self.process.poll() is None:
            self.kill()


class Party:
    """One phone: sends PCMU and, every so often, a report of what it received from the other."""

    def __init__(self, tag: str, drop_every: int = 0) -> None:
        self.tag = tag
        self.ssrc = random.getrandbits(32)
        self.sent = self.dropped = self.received = 0
        self._drop_every = drop_every
        self._media, self._control = _open(), _open()
        self._media_peer = self._control_peer = ("127.0.0.1", 0)
        self._sequence = random.getrandbits(12)
        self._other: int | None = None
        self._first = self._highest = self._last_sr = 0
        self._last_sr_at = 0.0

    def sdp(self) -> str:
        media, control = self._media.getsockname()[1], self._control.getsockname()[1]
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {media} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\na=rtcp:{control}\r\n"
        )

    def sends_to(self, sdp: str) -> None:
        media = re.search(r"m=audio (\d+)", sdp)
        control = re.search(r"a=rtcp:(\d+)", sdp)
        assert media
        assert control
        self._media_peer = ("127.0.0.1", int(media[1]))
        self._control_peer = ("127.0.0.1", int(control[1]))

    def send_audio(self) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._drop_every and self._sequence % self._drop_every == 0:
            self.dropped += 1
            return
        _send(self._media, self._media_peer, self._rtp(_PCMU, self._sequence * 160) + bytes(160))
        self.sent += 1

    def press(self, event: int) -> None:
        """One digit of 100 ms (RFC 4733), its end sent three times."""
        timestamp = self._sequence * 160
        for end, duration in ((0, 160), (0, 480), (0x80, 800), (0x80, 800), (0x80, 800)):
            self._sequence = (self._sequence + 1) & 0xFFFF
            digit = struct.pack("!BBH", event, end | 10, duration)
            _send(self._media, self._media_peer, self._rtp(_TELEPHONE_EVENT, timestamp) + digit)
            self.sent += 1

    def report(self) -> None:
        now = time.time()
        ntp = int((now + _NTP_EPOCH) * 2**32)
        blocks = [] if self._other is None else [self._block(now)]
        length = 6 + 6 * len(blocks)
        head = struct.pack("!BBHI", 0x80 | len(blocks), _SR, length, self.ssrc)
        body = struct.pack(
            "!QIII", ntp & (2**64 - 1), self._sequence * 160, self.sent, self.sent * 160
        )
        _send(self._control, self._control_peer, head + body + b"".join(blocks))

    def listen(self) -> None:
        """Take what has come."""
        for data in _arrived(self._control):
            if data[1] == _SR:
                self._last_sr = int.from_bytes(data[10:14], "big")
                self._last_sr_at = time.time()
        for data in _arrived(self._media):
            sequence = int.from_bytes(data[2:4], "big")
            if self._other is None:
                self._other, self._first = int.from_bytes(data[8:12], "big"), sequence
            self._highest = sequence
            self.received += 1

    @property
    def lost(self) -> int:
        return max(0, self._highest - self._first + 1 - self.received)

    def close(self) -> None:
        self._media.close()
        self._control.close()

    def _block(self, now: float) -> bytes:
        assert self._other is not None
        share = min(255, 256 * self.lost // max(1, self.lost + self.received))
        delay = int((now - self._last_sr_at) * 65_536) if self._last_sr else 0
        loss = share << 24 | (self.lost & 0xFFFFFF)
        return struct.pack(
            "!IIIIII", self._other, loss, self._highest, 40, self._last_sr, delay & 0xFFFFFFFF
        )

    def _rtp(self, payload_type: int, timestamp: int) -> bytes:
        return struct.pack(
            "!BBHII", 0x80, payload_type, self._sequence, timestamp & 0xFFFFFFFF, self.ssrc
        )


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    opened.setblocking(False)
    return opened


def _send(through: socket.socket, peer: tuple[str, int], data: bytes) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        through.sendto(data, peer)


def _arrived(at: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        while True:
            yield at.recv(2048)


class Call:
    """Offer and answer as a SIP server makes them; then both send, in a thread, until stopped."""

    def __init__(self, rtpengine: Rtpengine, call_id: str, drop_every: int = 0) -> None:
        self.call_id = call_id
        self.alice = Party(f"alice-{call_id}", drop_every)
        self.bob = Party(f"bob-{call_id}")
        self._ng = rtpengine.ng
        self._stopping = threading.Event()
        common = {"call-id": call_id, "from-tag": self.alice.tag}
        offered = self._ng.ask("offer", sdp=self.alice.sdp(), **common)
        self.bob.sends_to(offered["sdp"])
        answered = self._ng.ask("answer", sdp=self.bob.sdp(), **common, **{"to-tag": self.bob.tag})
        self.alice.sends_to(answered["sdp"])
        self._thread = threading.Thread(target=self._speak)
        self._thread.start()

    def _speak(self) -> None:
        ticks = 0
        while not self._stopping.wait(_TICK):
            for party in (self.alice, self.bob):
                party.listen()
                party.send_audio()
                if ticks % 10 == 5:
                    party.report()
            ticks += 1

    def hush(self) -> None:
        """From now on neither party sends."""
        self._stopping.set()
        self._thread.join()

    def delete(self) -> None:
        """As at BYE."""
        self.hush()
        self._ng.ask("delete", **{"call-id": self.call_id, "from-tag": self.alice.tag})

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *error: object) -> None:
        self.hush()
        self.alice.close()
        self.bob.close()
