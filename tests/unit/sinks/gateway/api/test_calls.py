"""`POST /v1/calls`: who may have calls made, of whom, what reaches the command, and its result."""

from pathlib import Path
from typing import Any

import pytest

from runtime.kafka import KafkaUnavailable
from schemas.codec import validate
from schemas.dialling import DialCommand, DialResult
from sinks.gateway.gateway import Gateway
from tests.unit.sinks.gateway.api.conftest import BOB, EVE, OF_SOME, OF_TWO, WHOLE, Ask

EXAMPLES = Path(__file__).parents[5] / "schemas/examples"
ORDER = {"key": "order-17", "gateway": "trunk", "number": "+4930801", "extension": "4711"}


@pytest.fixture
def asked(gateway: Gateway) -> list[DialCommand]:
    found: list[DialCommand] = []
    gateway.ask_call = found.append
    return found


def _post(ask: Ask, token: str, **changes: Any) -> Any:
    return ask("/v1/calls", token, "POST", json=ORDER | changes)


def test_a_token_that_may_dial_asks_for_a_call(ask: Ask, asked: list[DialCommand]) -> None:
    answer = _post(ask, OF_TWO, user=EVE, trigger="pause", pause_seconds=3)
    assert answer.status_code == 202
    (command,) = asked
    assert answer.json() == {"key": command.key, "result": "/v1/dialled-calls/order-17"}
    assert "4711" not in answer.text
    assert (command.client, command.user, command.number) == ("two", EVE, "+4930801")
    assert (command.trigger, command.pause_seconds, command.extension) == ("pause", 3, "4711")
    assert command.key.endswith(":order-17")


@pytest.mark.parametrize("token", [WHOLE, OF_SOME])
def test_other_tokens_may_not(token: str, ask: Ask, asked: list[DialCommand]) -> None:
    answer = _post(ask, token)
    assert (answer.status_code, asked) == (403, [])


def test_a_user_outside_the_token_is_not_called(ask: Ask, asked: list[DialCommand]) -> None:
    answer = _post(ask, OF_TWO, user=BOB)
    assert (answer.status_code, answer.json()["field"], asked) == (403, "user", [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1}sofia/internal/2"),
        ("number", "1\napi shutdown"),
        ("number", "1,2"),
        ("extension", "8 &system(x)"),
        ("extension", "801@9"),
        ("gateway", "a/b"),
        ("node", "a b"),
        ("key", "k k"),
        ("digit_ms", 10),
        ("wait", 1),
    ],
)
def test_what_no_dial_string_may_have_is_refused_with_its_field(
    field: str, value: object, ask: Ask, asked: list[DialCommand]
) -> None:
    answer = _post(ask, OF_TWO, **{field: value})
    assert (answer.status_code, answer.json()["field"], asked) == (400, field, [])
    assert str(value) not in answer.text or len(str(value)) < 3


def test_keys_are_the_clients_own(ask: Ask, asked: list[DialCommand], gateway: Gateway) -> None:
    del gateway
    _post(ask, OF_TWO)
    _post(ask, OF_TWO)
    assert len({one.key for one in asked}) == 1


def test_without_kafka_it_is_to_be_asked_again(ask: Ask, gateway: Gateway) -> None:
    def fail(command: DialCommand) -> None:
        raise KafkaUnavailable(command.key)

    gateway.ask_call = fail
    assert _post(ask, OF_TWO).status_code == 503


RESULT = (EXAMPLES / "rollcall.dial-results.connected.json").read_bytes()


def test_the_client_that_asked_reads_the_result(
    ask: Ask, asked: list[DialCommand], gateway: Gateway
) -> None:
    gateway.calls.is_read = True
    path = _post(ask, OF_TWO).json()["result"]
    assert ask(path, OF_TWO).status_code == 404  # nobody has read the command yet
    gateway.dialled.put(asked[0].key, RESULT)
    answer = ask(path, OF_TWO)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "connected")
    assert validate(DialResult, answer.content).timeline


def test_a_result_is_of_the_client_that_asked(ask: Ask, gateway: Gateway) -> None:
    gateway.dialled.put("other:order-17", RESULT)
    assert ask("/v1/dialled-calls/order-17", OF_TWO).status_code == 503  # still reading
    gateway.calls.is_read = True
    assert ask("/v1/dialled-calls/order-17", OF_TWO).status_code == 404
    assert ask("/v1/dialled-calls/other:order-17", OF_TWO).status_code == 404
    assert ask("/v1/dialled-calls/order-17", OF_SOME).status_code == 403
    answer = ask("/v1/dialled-calls/a%20b", OF_TWO)
    assert (answer.status_code, answer.json()["field"]) == (400, "key")
