"""Refusals in the log: each with its client, many as a number."""

from sinks.gateway.limits.refusal_log import RefusalLog


def test_a_flood_is_some_lines_and_then_a_number_with_its_clients() -> None:
    log = RefusalLog()
    lines = [log.admit("rate", "a" if n % 3 else "b", 0.0) for n in range(1_000)]
    written = [line for line in lines if line is not None]
    assert written == [{}] * 20
    assert log.admit("scope", "a", 0.0) == {}, "another reason"
    assert log.admit("rate", "c", 10.0) == {"left_out": 980, "of": {"a": 653, "b": 327}}
    assert log.admit("rate", "c", 20.0) == {}


def test_clients_remembered_are_bounded() -> None:
    log = RefusalLog()
    for number in range(100_000):
        log.admit("rate", str(number), 0.0)
    assert sum(map(len, log._left_out.values())) <= 1_000
