"""`rollcall explain` for a recorded switch, from a real broker: now, earlier, and a cut log."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from operate.explain.query import explain
from runtime.kafka import KafkaSettings
from runtime.partitioner import partition_of
from schemas import codec
from schemas.call_record import CallRecord
from schemas.topics import CALL_RECORDS, REGISTRATIONS
from schemas.vocabulary import CallState
from tests.integration.rollcall_process import ROOT, rollcall
from tests.kafka_logs import ends, write
from tests.replaying import final, into, lines
from tests.stages import StageProcess

CAPTURE = ROOT / "tests" / "captures" / "freeswitch" / "reg_sockclose_on.json"


def test_replayed_user_is_explained_from_the_log(kafka: KafkaSettings, tmp_path: Path) -> None:
    def explained(*arguments: str) -> dict[str, Any]:
        (found,) = lines(rollcall("explain", *arguments, "--json", folder=tmp_path, kafka=kafka))
        return found

    def refolded(aor: str) -> Any:
        """The same without a process of its own."""
        found = explain(kafka, aor, None, None, datetime.now(UTC))
        return json.loads(codec.encode(found))

    streams = StageProcess("streams.stage", tmp_path, kafka)
    try:
        # Paced: unpaced, all that shows a user can come in one millisecond.
        replay = ("replay", f"freeswitch={CAPTURE}", *into(kafka), "--json", "--speed", "40")
        played = lines(rollcall(*replay, folder=tmp_path, kafka=kafka))
    finally:
        streams.terminate()
    for aor, presence in final(played).items():
        found = refolded(aor)
        assert found["published"]["version"] == presence["version"]
        assert found["published"]["differences"] == []
        assert found["answer"] == {k: v for k, v in presence.items() if k not in ("aor", "version")}
        causes = [shown["cause"] for step in found["timeline"] for shown in step["shown"]]
        assert causes == [p["cause"] for p in played if p["aor"] == aor]

    aor = next(p["aor"] for p in played if p["status"] == "offline")
    now = explained(aor)
    steps = now["timeline"]
    # A time between two steps.
    index = next(
        i for i, (s, after) in enumerate(pairwise(steps)) if s["shown"] and s["at"] != after["at"]
    )
    last = steps[index]
    earlier = explained(aor, "--at", last["at"])
    assert earlier["timeline"] == steps[: index + 1]
    assert earlier["answer"]["evidence"] == last["shown"][-1]["evidence"]
    assert earlier["answer"] != now["answer"]

    # The event of an end before --since is named too.
    late = explained(aor, "--since", datetime.now(UTC).isoformat())
    assert late["ended"] == now["ended"]
    assert all(one["told"]["id"] == one["end"]["event"] for one in late["ended"])
    assert (late["timeline"], any(one["skipped"] for one in late["coverage"])) == ([], True)

    caller, other = (
        CallRecord(
            id=name,
            version=1,
            call=name,
            node="fs-1",
            nodes=["fs-1"],
            users=[user],
            caller=user,
            dialled="9196",
            state=CallState.ANSWERED,
            started=datetime.now(UTC),
        )
        for name, user in (("of-the-user", aor), ("of-another", "sip:other@example.test"))
    )
    write(kafka, [(CALL_RECORDS, one.id, one) for one in (caller, other)])
    assert [call["id"] for call in refolded(aor)["call_records"]] == ["of-the-user"]

    printed = rollcall("explain", aor.removeprefix("sip:"), folder=tmp_path, kafka=kafka).stdout
    assert "calls 9196: answered" in printed
    assert printed.startswith(f"{aor} is ")
    assert f"[{steps[-1]['by']['id']}]" in printed
    before = rollcall("explain", aor, "--at", "-1d", folder=tmp_path, kafka=kafka)
    assert before.returncode == 1
    assert f"rollcall: {aor} had not registered by" in before.stderr
    unknown = rollcall("explain", "nobody@example.test", folder=tmp_path, kafka=kafka)
    assert unknown.returncode == 1
    assert "sip:nobody@example.test has never registered" in unknown.stderr

    number = partition_of(aor.encode(), kafka.partitions)
    name, end = kafka.name(REGISTRATIONS), ends(kafka, REGISTRATIONS)[number]
    admin = AdminClient(kafka.client())
    for done in admin.delete_records([TopicPartition(name, number, end)]).values():
        done.result(30)
    cut = refolded(aor)
    assert cut["answer"] == now["answer"]  # from the published record
    assert not cut["coverage"][0]["complete"]
    assert all(not binding["opened"] for binding in cut["bindings"])
