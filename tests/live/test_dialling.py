"""Extension dialling live: the stage calls the test IVR's 20 greetings through a FreeSWITCH."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime.dial_commands import DialCommands
from runtime.kafka import KafkaSettings
from runtime.log_reader import LogReader
from runtime.topic_parts import Part
from schemas.codec import decode
from schemas.dialling import DialCommand, DialResult
from schemas.topics import DIAL_RESULTS
from schemas.vocabulary import DialOutcome, DialState, DigitMethod, DigitTrigger
from tests.eventually import eventually
from tests.integration.conftest import own_topics
from tests.integration.sip_client import DOMAIN
from tests.integration.sip_phone import SipPhone
from tests.integration.tcp_proxy import TcpProxy
from tests.ivr.greetings import GREETINGS
from tests.ivr.server import IvrCall, IvrServer, number_of
from tests.live.dialling_servers import GATEWAY, DiallingSwitch
from tests.stages import StageProcess

# Calls at the same time: the IVR's clock is a Python thread each.
_AT_ONCE = 5
_SECONDS = 120


class Dialling:
    """The switch, the IVR, and the stage between them."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self.ivr = IvrServer().__enter__()
        self.switch = DiallingSwitch(folder, ("alice",), self.ivr.port)
        self.events = TcpProxy(self.switch.event_socket).__enter__()
        nodes = {"fs1": {"port": self.events.port}}
        self.stage = StageProcess(
            "dialling.stage",
            folder,
            kafka,
            ROLLCALL_DIALLING_NODES=json.dumps(nodes),
            ROLLCALL_DIALLING_DESTINATIONS='["9[0-9][0-9]"]',
            ROLLCALL_DIALLING_RATE="1000",
            ROLLCALL_DIALLING_BURST="1000",
            ROLLCALL_DIALLING_CALLS_MAX_PER_CLIENT="100",
        )
        self._commands = DialCommands(kafka)
        self._reader = LogReader(kafka, [Part(DIAL_RESULTS)], "test")
        self.results: dict[str, DialResult] = {}

    def ask(self, number: str, extension: str = "801", **more: Any) -> str:
        """The key of a call that is asked for."""
        key = str(more.pop("key", uuid4()))
        self._commands.send(
            DialCommand(
                key=key,
                client="test",
                at=datetime.now(UTC),
                gateway=GATEWAY,
                number=number,
                extension=extension,
                **more,
            )
        )
        return key

    def ended(self, key: str) -> DialResult | None:
        """The key's last result, once it has an outcome."""
        for message in self._reader.read():
            if (value := message.value()) is not None:
                result = decode(DialResult, value)
                self.results[result.key] = result
        found = self.results.get(key)
        return found if found is not None and found.state is DialState.ENDED else None

    def result(self, key: str) -> DialResult:
        eventually(lambda: self.ended(key), _SECONDS, what=f"a result of {key}")
        return self.results[key]

    def call_to(self, number: str) -> IvrCall:
        """The newest call to the number."""
        return self.ivr.calls_to(number)[-1]

    def stop(self) -> None:
        self.stage.__exit__()
        self.events.__exit__(None, None, None)
        self.switch.kill()
        self.ivr.__exit__(None, None, None)
        self._reader.close()


@pytest.fixture(scope="module")
def dialling(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dialling]:
    with own_topics(broker) as kafka:
        running = Dialling(kafka, tmp_path_factory.mktemp("dialling"))
        yield running
        running.stop()


def _run(dialling: Dialling, **how: Any) -> list[tuple[str, DialResult, IvrCall]]:
    """All greetings once, some at a time; each with its result and its call."""
    found: list[tuple[str, DialResult, IvrCall]] = []
    waiting = list(GREETINGS)
    while waiting:
        batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        keys = {one.name: dialling.ask(number_of(one), **how) for one in batch}
        for one in batch:
            result = dialling.result(keys[one.name])
            found.append((one.name, result, dialling.call_to(number_of(one))))
    return found


def _figures(name: str, found: list[tuple[str, DialResult, IvrCall]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for greeting, result, call in found:
        keyed = [step.after_ms for step in result.timeline if step.kind == "keyed"]
        rows.append(
            {
                "run": name,
                "greeting": greeting,
                "reached": call.menu.reached,
                "outcome": result.outcome,
                "cause": result.cause,
                "attempts": result.attempts,
                "dropped": call.menu.dropped,
                "confirmed": f"{result.digits_confirmed}/{result.digits_sent}",
                "keyed_ms": keyed,
                "digit_ms": [duration // 8 for duration in call.digits.durations],
                "timeline": [(s.after_ms, s.kind, s.detail) for s in result.timeline],
            }
        )
    if place := os.environ.get("ROLLCALL_TEST_DIALLING_FIGURES"):
        with Path(place).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, default=str) + "\n" for row in rows)
    return rows


@pytest.mark.timeout(600)
def test_twenty_greetings_beside_a_fixed_pause(dialling: Dialling) -> None:
    found = _figures("greeting", _run(dialling, trigger=DigitTrigger.GREETING))
    right = [row for row in found if row["reached"] == "801"]
    plain = _run(dialling, trigger=DigitTrigger.PAUSE, pause_seconds=2.0)
    # A second attempt is no fixed pause any more: it waits for what the far end does.
    rows = _figures("pause", plain)
    baseline = [row for row in rows if row["reached"] == "801" and row["attempts"] == 1]
    assert len(right) >= 0.95 * len(GREETINGS), [r for r in found if r["reached"] != "801"]
    assert len(right) > len(baseline)
    reported = [row for row in right if row["outcome"] is DialOutcome.CONNECTED]
    assert len(reported) >= 0.95 * len(GREETINGS)
    for _, result, call in plain:
        assert result.outcome is not None
        assert call.media_at is not None


def test_no_digit_before_media_flows_both_ways(dialling: Dialling) -> None:
    for name in ("late-media", "very-late-media", "waits-for-media"):
        (greeting,) = (one for one in GREETINGS if one.name == name)
        key = dialling.ask(number_of(greeting), trigger=DigitTrigger.ANSWER)
        dialling.result(key)
        call = dialling.call_to(number_of(greeting))
        assert call.keyed_at, name
        assert call.media_at is not None
        assert call.first_packet_at is not None
        assert call.keyed_at[0] > max(call.media_at, call.first_packet_at), name


def test_digits_last_as_long_as_asked_for(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "silent")
    for milliseconds in (80, 100, 240):
        key = dialling.ask(
            number_of(greeting),
            trigger=DigitTrigger.PAUSE,
            pause_seconds=0.5,
            digit_ms=milliseconds,
        )
        result = dialling.result(key)
        call = dialling.call_to(number_of(greeting))
        assert [one // 8 for one in call.digits.durations] == [milliseconds] * 3
        assert result.digits_confirmed == 3
        assert result.outcome is DialOutcome.CONNECTED


def test_info_reaches_the_extension_without_a_confirmation(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "usual")
    result = dialling.result(dialling.ask(number_of(greeting), method=DigitMethod.INFO))
    call = dialling.call_to(number_of(greeting))
    assert call.menu.reached == "801"
    assert ["Duration=100" in one for one in call.info] == [True] * 3
    assert (result.outcome, result.digits_confirmed) == (DialOutcome.CONNECTED, 0)


def test_inband_tones_reach_the_extension(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "usual")
    result = dialling.result(dialling.ask(number_of(greeting), method=DigitMethod.INBAND))
    assert dialling.call_to(number_of(greeting)).menu.reached == "801"
    assert (result.outcome, result.digits_confirmed) == (DialOutcome.CONNECTED, 3)


def test_extension_that_is_not_there(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "usual")
    result = dialling.result(dialling.ask(number_of(greeting), "999"))
    assert result.outcome is DialOutcome.WRONG_EXTENSION


def test_number_that_is_not_there(dialling: Dialling) -> None:
    result = dialling.result(dialling.ask("999"))
    assert result.outcome is DialOutcome.NO_ANSWER
    assert result.cause == "UNALLOCATED_NUMBER"


def test_user_is_rung_first_and_bridged(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "usual")
    phone = SipPhone(dialling.switch.port, "alice")
    phone.register()
    before = dialling.ivr.invites
    key = dialling.ask(number_of(greeting), user=f"sip:alice@{DOMAIN}", node="fs1")
    invite = phone.rung()
    assert dialling.ivr.invites == before
    dialog = phone.answer(invite)
    phone.next("ACK ")
    result = dialling.result(key)
    kinds = [str(step.kind) for step in result.timeline]
    assert result.outcome is DialOutcome.CONNECTED, result
    assert kinds[:3] == ["user-ringing", "user-answered", "called"]
    assert kinds[-1] == "bridged"
    call = dialling.call_to(number_of(greeting))
    phone.hang_up(dialog)
    assert call.is_over.wait(10)
    phone.close()


@pytest.mark.timeout(600)
def test_a_hundred_repeats_with_kills_make_one_call(dialling: Dialling) -> None:
    (greeting,) = (one for one in GREETINGS if one.name == "usual")
    before = dialling.ivr.invites
    key = str(uuid4())
    for repeat in range(100):
        dialling.ask(number_of(greeting), key=key)
        if repeat % 25 == 10:
            dialling.stage.kill()
            dialling.stage.start()
        if repeat % 25 == 20:
            dialling.events.cut()
    dialling.result(key)
    for _ in range(5):
        dialling.ask(number_of(greeting), key=key)
    eventually(lambda: dialling.stage.status()["repeats"] >= 5, what="repeats recognised")
    assert dialling.ivr.invites - before == 1
