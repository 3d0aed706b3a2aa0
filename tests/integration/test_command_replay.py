"""`rollcall replay` on recorded switches, with the temporary stack it starts by itself."""

import json
from pathlib import Path

import pytest

from tests.integration.rollcall_process import ROOT, rollcall

CAPTURES = ROOT / "tests" / "captures" / "freeswitch"
pytestmark = pytest.mark.timeout(180)


def test_two_nodes_at_once_end_as_their_clients_did(tmp_path: Path) -> None:
    sources = [f"freeswitch={CAPTURES / name}.json" for name in ("reg_sockclose_on", "reg_udp")]
    done = rollcall("replay", *sources, "--node", "fs-1", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    nodes = {binding["node"] for change in changes for binding in change["bindings"]}
    assert nodes == {"fs-1", "reg_udp"}
    for aor in {change["aor"] for change in changes}:
        versions = [change["version"] for change in changes if change["aor"] == aor]
        assert versions == list(range(1, len(versions) + 1))
    assert "connection-closed" in {change["cause"] for change in changes}
    assert list(tmp_path.iterdir()) == []


def test_call_records_agree_with_what_the_phones_did(tmp_path: Path) -> None:
    done = rollcall(
        "replay", f"freeswitch={CAPTURES / 'calls.json'}", "--calls", "--json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    records = {r["call_id"]: r for r in map(json.loads, done.stdout.splitlines())}
    truth = map(json.loads, (CAPTURES / "calls.truth.jsonl").read_text().splitlines())
    calls = [t for t in truth if t.get("call_id", "").endswith("@probe-call") and t.get("frm")]
    assert len(calls) > 10
    for call in calls:
        record = records[call["call_id"]]
        assert record["state"] == "ended"
        assert record["users"][0].startswith(f"sip:{call['frm']}@")
        assert bool(record["answered"]) == ("answer_at" in call), record
    forked = next(c["call_id"] for c in calls if "forked" in c["what"])
    assert [leg["direction"] for leg in records[forked]["legs"]] == [
        *("outgoing", "incoming", "incoming")
    ]


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("hello\n")
    done = rollcall("replay", "freeswitch=notes.json", folder=tmp_path)
    assert done.returncode == 1
    assert "notes.json" in done.stderr
    assert "Traceback" not in done.stderr
