"""Plays one script at a registrar, and compares after each step."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.registrars.client import Device
from tests.registrars.comparing import Difference, compare
from tests.registrars.registrar import Registrar
from tests.registrars.script import Lose, Pause, Register, Script, Step
from tests.registrars.table import Row

_AFTERWARDS_SECONDS = 0.4
_POLL_SECONDS = 0.02
# A poll and a listing by an idle server.
_ROUND_SECONDS = 0.06
_EVIDENCE, _PAYLOAD = 6, 300  # events, bytes

Report = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """`wrong` describes the step at which presence and the registrar differed, if one."""

    seed: int
    steps: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


class Player:
    """Of one script. `report` is given every step, line by line."""

    def __init__(
        self, script: Script, registrar: Registrar, report: Report = lambda _: None
    ) -> None:
        self._script = script
        self._registrar = registrar
        self._report = report
        self._devices = [
            Device(network, authenticates=registrar.authenticates) for network in script.networks
        ]
        # Which connection a REGISTER came over; those that have ended.
        self._over: dict[tuple[str, int], tuple[int, int]] = {}
        self._ended: set[tuple[int, int]] = set()
        self._ended_ports: set[int] = set()
        self._dead_letters = 0

    def play(self) -> Outcome:
        """Until the last step, or the first wrong one."""
        outcome = Outcome(self._script.seed)
        try:
            for number, step in enumerate(self._script.steps, 1):
                answer = self._do(step)
                outcome.steps += 1
                accepted = answer is None or answer.startswith("SIP/2.0 200")
                outcome.refused += not accepted
                outcome.wrong = self._compare(step, accepted=accepted)
                if outcome.wrong:
                    outcome.wrong.insert(0, f"step {number}: {_summary(step, answer)}")
                    return outcome
            time.sleep(_AFTERWARDS_SECONDS)  # what comes late, and should not
            outcome.wrong = self._compare(None, accepted=False)
            if outcome.wrong:
                outcome.wrong.insert(0, "after the last step")
            return outcome
        finally:
            self._leave()

    def _do(self, step: Step) -> str | None:
        """The answer's head, where there is one."""
        match step:
            case Register():
                return self._register(step)
            case Lose(device, how):
                self._report(f"--- device {device}: {how}")
                one = self._devices[device]
                if one.network == "tcp" and one.is_open:
                    self._end(device, one.connection, one.port)
                    getattr(one, how)()
            case Pause(seconds):
                self._report(f"--- {seconds} s pass")
                time.sleep(seconds)
        return None

    def _register(self, step: Register) -> str | None:
        device = self._devices[step.device]
        before = (device.connection, device.port) if device.is_open else None
        answer = device.register(step, self._registrar.ports[step.profile])
        self._report(device.message(step).decode().rstrip())
        self._report(f"  answer: {answer}")
        if device.network == "tcp":
            if before is not None and (device.connection != before[0] or not device.is_open):
                self._end(step.device, *before)  # to another profile, or closed by the server
            if answer is not None and answer.startswith("SIP/2.0 200"):
                # One that repeats a CSeq over another connection is accepted, and renews nothing.
                over = (step.device, device.connection)
                self._over.setdefault((step.call_id, step.cseq), over)
        return answer or "no answer"

    def _end(self, device: int, connection: int, port: int) -> None:
        self._ended.add((device, connection))
        self._ended_ports.add(port)

    def _compare(self, step: Step | None, *, accepted: bool) -> list[str]:
        """What differs at the deadline, or settles on nothing before it.

        Of a round that took long, what a busy machine took from everyone is not counted: the
        server and the product had no more of it than this test.
        """
        waited, before = 0.0, time.monotonic()
        while True:
            rows = self._registrar.table(time.monotonic()).get(self._script.token, [])
            difference = self._difference(rows)
            now = time.monotonic()
            waited, before = waited + min(now - before, _ROUND_SECONDS), now
            settled = waited >= self._registrar.settled_seconds or step is None
            if (settled and not difference) or waited > self._registrar.deadline_seconds:
                break
            time.sleep(_POLL_SECONDS)
        self._describe(rows, difference)
        wrong = difference.lines + self._unexplained(difference, accepted=accepted)
        return [*wrong, *self._evidence()] if wrong else []

    def _difference(self, rows: list[Row]) -> Difference:
        for number, device in enumerate(self._devices):
            connection, is_open = device.connection, device.is_open
            device.notice()  # some servers end the connection of a request that they cannot read
            if is_open and not device.is_open:
                self._end(number, connection, device.port)
        shown = self._registrar.view.shown(self._script.token)
        counts_rows = self._registrar.counts_rows
        return compare(rows, shown, self._is_dead, counts_rows=counts_rows)

    def _is_dead(self, row: Row) -> bool:
        """Its connection has ended. One with a Path came over a proxy's, which is nobody's."""
        if row.path is not None or not self._registrar.knows_connections:
            return False
        if row.is_dead is not None:
            return row.is_dead
        if row.port is not None or row.cseq is None:
            return row.port in self._ended_ports
        return self._over.get((row.call_id, row.cseq)) in self._ended

    def _evidence(self) -> list[str]:
        """What presence was made of last: it may not come out so a second time."""
        view, token = self._registrar.view, self._script.token
        shown = [f"{one.aor} {one.status} {one.cause} {one.evidence}" for one in view.shown(token)]
        return shown + view.published(token)[-_EVIDENCE:]

    def _unexplained(self, difference: Difference, *, accepted: bool) -> list[str]:
        """Dead letters of a REGISTER that was accepted, all of whose contacts can be read."""
        letters = self._registrar.view.dead_letters(self._script.token)
        new, self._dead_letters = letters[self._dead_letters :], len(letters)
        for letter in new:
            self._report(f"  dead letter: {letter.field}: {letter.reason} {letter.payload!r}")
        if not accepted or difference.unreadable:
            return []
        return [f"dead letter: {one.field}: {one.reason} {one.payload[:_PAYLOAD]!r}" for one in new]

    def _describe(self, rows: list[Row], difference: Difference) -> None:
        for row in rows:
            dead = "  (its connection has ended)" if self._is_dead(row) else ""
            self._report(f"  listed: {row.aor} {row.contact} {row.call_id} {row.cseq}{dead}")
        for presence in self._registrar.view.shown(self._script.token):
            self._report(f"  shown: {presence.aor} {presence.status} {presence.cause}")
            for binding in presence.bindings:
                self._report(f"      {binding.contact}")
        for line in difference.unreadable:
            self._report(f"  unreadable: {line}")
        for line in difference.lines:
            self._report(f"  DIFFERENT: {line}")

    def _leave(self) -> None:
        for event in self._registrar.view.published(self._script.token):
            self._report(f"  published: {event}")
        for device in self._devices:
            device.close()
        rows = self._registrar.table(time.monotonic()).get(self._script.token, [])
        self._registrar.remove(rows)
        self._registrar.view.forget(self._script.token)


def _summary(step: Step, answer: str | None) -> str:
    if not isinstance(step, Register):
        return str(step)
    wanted = ("to:", "contact:", "m:", "expires:", "path:", "cseq:", "call-id:")
    headers = [line for line in step.headers if line.lower().startswith(wanted)]
    first = (answer or "").partition("\r\n")[0]
    return f"device {step.device} profile {step.profile} | {' | '.join(headers)} → {first}"
