"""Kafka is unavailable: what each command prints, and its exit status."""

from pathlib import Path

import pytest

from tests.unit.cli.running import ROOT, run

CAPTURES = ROOT / "tests" / "captures" / "freeswitch"
# Stands for the address in the arguments.
ADDRESS = "ADDRESS"


@pytest.mark.parametrize(
    "arguments",
    [
        ("who",),
        ("who", "--json"),
        ("watch",),
        ("explain", "sip:1001@example.test", "--json"),
        ("audit", "opensips:os1=http://127.0.0.1:9/mi"),
        ("topics", "--create"),
        ("replay", f"freeswitch={CAPTURES / 'calls.json'}", "--into", ADDRESS),
    ],
    ids=lambda arguments: " ".join(arguments[:2])[:20],
)
def test_command_reports_in_one_line_that_kafka_does_not_answer(
    arguments: tuple[str, ...], closed_address: str, tmp_path: Path
) -> None:
    named = {"ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": closed_address}
    *_, start = run(tmp_path, "topics", **named)  # asks nobody
    given = [closed_address if one == ADDRESS else one for one in arguments]
    status, out, err, seconds = run(tmp_path, *given, **named)
    assert status == 1
    assert out == ""
    assert err == (
        f"rollcall: Kafka at {closed_address} does not answer (kafka.bootstrap_servers, "
        "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS): Connection refused\n"
    )
    # Some 0.7 s where a start takes 0.4; it waited for 15 and more. The machine may be busy.
    assert seconds < 3 + 10 * start


def test_doctor_names_the_setting_and_checks_the_rest(closed_address: str, tmp_path: Path) -> None:
    status, out, err, _ = run(tmp_path, "doctor", ROLLCALL_KAFKA_BOOTSTRAP_SERVERS=closed_address)
    assert status == 1
    assert "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS" in out
    assert "Connection refused" in out
    assert "user center" in out
    assert err == ""
