"""A SIP server as a process group of its own: to be killed and started again."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.eventually import eventually


class ServerProcess:
    """Has started when it listens on its `ports`; `port` is where it takes SIP."""

    name: str
    port: int
    start_seconds = 30

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / f"{self.name}.log"
        self.start()

    @property
    def ports(self) -> tuple[int, ...]:
        """All that it listens on once it has started."""
        raise NotImplementedError

    @property
    def command(self) -> Sequence[str | Path]:
        """Runs it in the foreground."""
        raise NotImplementedError

    def start(self) -> None:
        """Start a server (again)."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self._folder,
                start_new_session=True,
                stdout=output,
                stderr=output,
            )
        try:
            eventually(self._listens, self.start_seconds, what=f"{self.name}; see {self._log}")
        except BaseException:
            self.stop()  # nobody else would
            raise

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()[-3000:]
        for port in self.ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return False
        return True

    def kill(self) -> None:
        """SIGKILL of all its processes: that of the main one alone may leave sockets open."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
