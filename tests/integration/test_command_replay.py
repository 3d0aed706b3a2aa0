"""`rollcall replay` of recorded switches, with the temporary stack that it starts."""

import json
from pathlib import Path

import pytest

from tests.integration.rollcall_process import ROOT, rollcall

CAPTURES = ROOT / "tests" / "captures" / "freeswitch"
pytestmark = pytest.mark.timeout(180)


def test_two_nodes_are_replayed_at_once(tmp_path: Path) -> None:
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


def test_call_records_agree_with_the_recorded_truth(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["freeswitch=notes.json"], "notes.json"),
        (["freeswitch=empty.json"], "empty.json"),
        (["freeswitch=missing.json"], "missing.json"),
        (["freeswitch=."], "no file ."),
        (["freeswitch="], "no file"),
        (["asterisk=notes.json"], "'asterisk=notes.json' is not SOURCE=FILE"),
        (["notes.json"], "'notes.json' is not SOURCE=FILE"),
        ([f"freeswitch={CAPTURES / 'reg_udp.json'}", "--node", "a", "--node", "b"], "--node"),
        ([f"freeswitch={CAPTURES / 'reg_udp.json'}", "--speed", "0"], "--speed"),
    ],
)
def test_unusable_arguments_are_refused_before_anything_starts(
    arguments: list[str], reason: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.json").write_text("hello\n")
    (tmp_path / "empty.json").touch()
    done = rollcall("replay", *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert reason in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"notes.json", "empty.json"}
