"""The dialling stage on a real Kafka, with an event socket over the test IVR: one key, one call."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from dialling.originate import call_uuid
from runtime.dial_commands import DialCommands
from runtime.kafka import KafkaSettings
from runtime.log_reader import LogReader
from runtime.topic_parts import Part
from schemas.codec import decode
from schemas.dialling import DialCommand, DialResult
from schemas.topics import DEAD_LETTERS, DIAL_COMMANDS, DIAL_RESULTS
from schemas.vocabulary import DialOutcome, DialState
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.rollcall_process import rollcall
from tests.ivr.event_socket import IvrSwitch
from tests.kafka_logs import write
from tests.stages import StageProcess

SECRET = "4711"


class Desk:
    """Asks for calls, and reads their results."""

    def __init__(self, kafka: KafkaSettings, switch: IvrSwitch, folder: Path) -> None:
        self.kafka, self.switch = kafka, switch
        self._commands = DialCommands(kafka)
        self._reader = LogReader(kafka, [Part(DIAL_RESULTS)], "test")
        self.values: list[bytes] = []
        self._last: dict[str, DialResult] = {}
        self.stage = StageProcess(
            "dialling.stage",
            folder,
            kafka,
            ROLLCALL_DIALLING_NODES=json.dumps({"fs1": {"port": switch.port}}),
            ROLLCALL_DIALLING_DESTINATIONS='["9[0-9][0-9]"]',
            ROLLCALL_DIALLING_GATEWAY="trunk",
            ROLLCALL_DIALLING_SETTLE_SECONDS="1",
            ROLLCALL_DIALLING_BURST="200",
        )

    def ask(self, key: str, number: str = "900", extension: str = SECRET, **more: object) -> None:
        self._commands.send(
            DialCommand(
                key=key,
                client="test",
                at=datetime.now(UTC),
                number=number,
                extension=extension,
                **more,  # type: ignore[arg-type]  # pydantic checks them
            )
        )

    def last(self, key: str) -> DialResult | None:
        for message in self._reader.read():
            if (value := message.value()) is not None:
                self.values.append(value)
                result = decode(DialResult, value)
                self._last[result.key] = result
        return self._last.get(key)

    def is_in(self, key: str, state: DialState) -> bool:
        found = self.last(key)
        return found is not None and found.state is state

    def ended(self, key: str) -> DialResult:
        eventually(lambda: self.is_in(key, DialState.ENDED), 60, what=f"the end of {key}")
        return self._last[key]

    def close(self) -> None:
        self.stage.__exit__()
        self._reader.close()


@pytest.fixture(scope="module")
def desk(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with own_topics(broker) as kafka, IvrSwitch() as switch:
        running = Desk(kafka, switch, tmp_path_factory.mktemp("dialling"))
        yield running
        running.close()


def test_hundred_repeats_with_kills_and_lost_sockets_make_one_call(desk: Desk) -> None:
    key, uuid = "hundred", call_uuid("hundred")
    for repeat in range(100):
        desk.ask(key, "902")  # the long one
        if repeat == 5:
            eventually(lambda: desk.switch.originates[uuid], what="the call")
            desk.switch.cut()
        if repeat == 20:
            desk.stage.kill()
            desk.stage.start()
        if repeat == 60:
            desk.switch.cut()
        if repeat == 80:
            result = desk.ended(key)
            desk.stage.kill()
            desk.stage.start()
    eventually(lambda: desk.stage.status()["repeats"] >= 19, what="repeats were recognised")
    assert desk.switch.originates[uuid] == 1
    assert result.outcome is DialOutcome.CONNECTED, result
    assert any(step.kind == "resumed" for step in result.timeline)
    # Nowhere but in the command, and digit by digit to the switch.
    assert not any(SECRET in value.decode() for value in desk.values)
    assert SECRET not in desk.stage.log.read_text()


def test_service_killed_while_digits_go_out_never_sends_them_again(desk: Desk) -> None:
    key = "keying"
    desk.ask(key, "907", gap_ms=2000)  # the silent one
    eventually(lambda: desk.is_in(key, DialState.KEYING), what="digits go out")
    desk.stage.kill()
    sent = sum("uuid_send_dtmf" in line for line in desk.switch.lines)
    desk.stage.start()
    result = desk.ended(key)
    assert result.outcome is DialOutcome.FAILED
    assert sum("uuid_send_dtmf" in line for line in desk.switch.lines) == sent
    eventually(lambda: result.call not in desk.switch.channels, what="the call was ended")


def test_command_prints_the_timeline_and_no_digit(desk: Desk, tmp_path: Path) -> None:
    arguments = ("dial", "trunk", "900", "--extension", SECRET, "--key", "mine")
    done = rollcall(*arguments, folder=tmp_path, kafka=desk.kafka)
    assert (done.returncode, done.stderr) == (0, "")
    assert "digit-confirmed  4 of 4" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("connected: 4 of 4 digits confirmed")
    assert SECRET not in done.stdout
    again = rollcall(*arguments, "--json", folder=tmp_path, kafka=desk.kafka)
    assert json.loads(again.stdout)["outcome"] == "connected"
    assert desk.switch.originates[call_uuid("mine")] == 1
    refused = rollcall(
        "dial", "trunk", "+1900", "--extension", "1", folder=tmp_path, kafka=desk.kafka
    )
    assert refused.returncode == 1
    wrong = rollcall(
        "dial", "trunk", "1,2", "--extension", SECRET, folder=tmp_path, kafka=desk.kafka
    )
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("rollcall: number: ")


def test_what_may_not_be_called_is_refused(desk: Desk) -> None:
    before = desk.switch.originates.total()
    desk.ask("far", "+1900555")
    assert desk.ended("far").outcome is DialOutcome.REFUSED
    desk.ask("nowhere", node="fs9")
    assert desk.ended("nowhere").outcome is DialOutcome.REFUSED
    assert desk.switch.originates.total() == before


def test_command_that_does_not_fit_is_a_dead_letter_without_its_digits(desk: Desk) -> None:
    key, before = str(uuid4()), desk.switch.originates.total()
    bad = {
        "key": key,
        "client": "test",
        "at": "2026-01-01T00:00:00Z",
        "number": "1}sofia/x",
        "extension": SECRET,
    }
    write(desk.kafka, [(DIAL_COMMANDS, key, bad)])
    reader = LogReader(desk.kafka, [Part(DEAD_LETTERS)], "test")
    try:
        letters = eventually(
            lambda: [value for one in reader.read(0.1) if (value := one.value())], what="a letter"
        )
    finally:
        reader.close()
    assert b'"field":"number"' in letters[0]
    assert b"sofia" not in letters[0]
    assert desk.switch.originates.total() == before
