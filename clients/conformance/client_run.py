"""A client under test as a process, with the gateway that it runs against, for one check."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.conformance.report import Failed
from clients.conformance.server import ScriptedGateway

QUERY = "domain=one.test"
_SECONDS = 20.0
_IDLE_SECONDS = 1.0


class Client:
    """The client as a process, and what it printed."""

    def __init__(self, command: Sequence[str], url: str, token_file: Path) -> None:
        self.token_file = token_file
        environment = os.environ | {
            "ROLLCALL_TOKEN_FILE": str(token_file),
            "ROLLCALL_IDLE_SECONDS": str(_IDLE_SECONDS),
        }
        self._out = token_file.with_name("out")
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, url, QUERY], env=environment, stdout=out, stderr=subprocess.DEVNULL
            )

    def changes(self) -> list[tuple[str, int | None]]:
        """(AOR, version), None where there is no record any more. Raises Failed."""
        found = []
        # What follows the last line end is still being written.
        for line in self._out.read_text().split("\n")[:-1]:
            try:
                content = json.loads(line)
                found.append((content["aor"], (content["record"] or {}).get("version")))
            except (ValueError, KeyError, AttributeError) as error:
                raise Failed(f"printed no change: {line[:100]!r}") from error
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Run:
    """A client against a scripted gateway."""

    gateway: ScriptedGateway
    client: Client

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Raises Failed."""
        deadline = time.monotonic() + _SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(
                    f"not within {_SECONDS:.0f} s: {what}; printed {self.client.changes()}"
                )
            time.sleep(0.02)

    def expect(self, *changes: tuple[str, int | None]) -> None:
        """These changes, in order, and no others. Raises Failed."""
        self.wait(lambda: len(self.client.changes()) >= len(changes), f"changes {changes}")
        time.sleep(0.1)  # for what must not be printed
        if (found := self.client.changes()) != list(changes):
            raise Failed(f"printed {found}, not {list(changes)}")

    def expect_cursors(self, *cursors: str) -> None:
        """That the client asked with these cursors. Raises Failed."""
        self.wait(lambda: len(self.gateway.asked) >= len(cursors), f"{len(cursors)} requests")
        found = [asked.cursor for asked in self.gateway.asked[: len(cursors)]]
        if found != list(cursors):
            raise Failed(f"asked with cursors {found}, not {list(cursors)}")
