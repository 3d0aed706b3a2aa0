"""What the tests of `rollcall replay` share: parsing its output and the recordings."""

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from local.replay.esl_recording import read_capture
from runtime.kafka import KafkaSettings
from tests.integration.rollcall_process import COMMAND, environment


def into(kafka: KafkaSettings) -> tuple[str, ...]:
    """The option of a replay into that cluster; the namespace is in the environment."""
    return ("--into", kafka.bootstrap_servers)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON objects that a command printed; it must have succeeded."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def user(aor: str) -> str:
    """The user part of an AOR."""
    return aor.removeprefix("sip:").partition("@")[0]


def changes(records: list[dict[str, Any]]) -> dict[str, list[str]]:
    """`status cause` of each presence record in order, by user."""
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(user(record["aor"]), []).append(f"{record['status']} {record['cause']}")
    return found


def final(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The last presence record of each user, by AOR."""
    return {record["aor"]: record for record in records}


def recorded_times(capture: Path) -> dict[str, float]:
    """The recorded time of each event by `boot/sequence`, in epoch seconds."""
    events = (
        json.loads(frame.body) for frame in read_capture(capture) if frame.type == "text/event-json"
    )
    return {
        f"{e['Core-UUID']}/{e['Event-Sequence']}": int(e["Event-Date-Timestamp"]) / 1e6
        for e in events
    }


def epoch(moment: str) -> float:
    """Epoch seconds of an ISO 8601 time."""
    return datetime.fromisoformat(moment).timestamp()


class Replay:
    """`rollcall replay … --json` while it plays: what it has printed, and its producers' pids.

    Its temporary folder is made inside `folder`, so that its own stack.json can be found.
    """

    def __init__(self, *arguments: str, folder: Path, kafka: KafkaSettings | None = None) -> None:
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._out, self._err = folder / "replay.jsonl", folder / "replay.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "replay", *arguments, *(into(kafka) if kafka else ()), "--json"],
                cwd=folder,
                env=environment(kafka) | {"TMPDIR": str(self._temporary)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def printed(self) -> list[dict[str, Any]]:
        """The complete lines so far. Fails if the replay has failed."""
        assert not self.process.poll(), self._err.read_text()
        return [json.loads(line) for line in self._out.read_text().splitlines(True) if "\n" in line]

    def producers(self) -> dict[str, int]:
        """The pids of its producers by label."""
        (file,) = self._temporary.glob("rollcall-replay-*/stack.json")
        stages = json.loads(file.read_text())["stages"]
        return {label: stage["pid"] for label, stage in stages.items()}

    def end(self, timeout: float = 120) -> list[dict[str, Any]]:
        """Wait for its end, and return everything it printed."""
        assert self.process.wait(timeout) == 0, self._err.read_text()
        return self.printed()

    def __enter__(self) -> "Replay":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it stops its producers
            self.process.wait(60)
