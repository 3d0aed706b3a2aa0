"""`rollcall replay kamailio=FILE rtpengine=FILE`: through the real producers, streams and Kafka."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.media import MediaEvent
from schemas.topics import MEDIA
from schemas.vocabulary import MediaKind
from tests.integration.rollcall_process import rollcall
from tests.kafka_logs import read
from tests.replaying import changes, into, lines
from tests.stages import StageProcess
from tests.unit.kamailio_capture import CAPTURES
from tests.unit.producers.kamailio.test_captures import EXPECTED
from tests.unit.rtpengine_capture import queried

START = 1_795_502_000


@pytest.fixture
def streams(tmp_path: Path, kafka: KafkaSettings) -> Iterator[KafkaSettings]:
    with StageProcess("streams.stage", tmp_path, kafka):
        yield kafka


def test_replay_gives_the_expected_presence(streams: KafkaSettings, tmp_path: Path) -> None:
    """Captures whose ends usrloc itself reports; their users are different ones."""
    for name in ("sc_a_unreg", "sc_b_tls"):
        source = f"kamailio={CAPTURES / name}.jsonl"
        done = rollcall(
            "replay",
            source,
            "--node",
            name,
            *into(streams),
            "--json",
            folder=tmp_path,
            kafka=streams,
        )
        assert changes(lines(done)) == EXPECTED[name], name
    source = f"kamailio={CAPTURES / 'sc_sipp_call.jsonl'}"
    done = rollcall(
        "replay", source, *into(streams), "--calls", "--json", folder=tmp_path, kafka=streams
    )
    (call,) = lines(done)
    assert (call["call_id"], call["state"]) == ("1-15602@127.0.0.1", "ended")
    assert set(call["users"]) == {"sip:alice@sip.test", "sip:bob@sip.test"}


def test_calls_and_their_media_on_one_clock(streams: KafkaSettings, tmp_path: Path) -> None:
    """The media of an answered call stop before it ends."""
    call = {"callid": "c1@h", "h_id": "7"}
    parties = {"from": "sip:ann@sip.test", "to": "sip:zed@trunk.test"}
    _write(
        tmp_path / "call.jsonl",
        _line(0, "register", aor="ann@sip.test", contact="<sip:ann@192.0.2.7>", expires="300",
              src="udp:192.0.2.7:5060", callid="r1@h", cseq="1"),
        _line(1, "dialog:start", **call, **parties),
        _line(4, "dialog:end", **call, **parties),
    )  # fmt: skip
    answer = queried("stop_both", "query t=3.0")
    _write(
        tmp_path / "media.jsonl",
        _asked(0.5, "list", {"calls": ["c1@h"]}),
        _asked(0.6, "statistics", _counted(40, timeouts=0)),
        _asked(1.5, "query", answer, **{"call-id": "c1@h"}),
        _asked(2, "query", answer, **{"call-id": "c1@h"}),
        _asked(3, "list", {"calls": []}),
        _asked(3.1, "statistics", _counted(43, timeouts=1)),
    )
    sources = ("kamailio=call.jsonl", "rtpengine=media.jsonl")
    done = rollcall("replay", *sources, *into(streams), "--json", folder=tmp_path, kafka=streams)
    begun = ["online registered", "on-the-phone call-answered", "on-the-phone media-lost"]
    assert changes(lines(done)) == {"ann": [*begun, "online call-ended"]}
    events = [codec.validate(MediaEvent, m.value() or b"") for m in read(streams, MEDIA)]
    assert [(event.node, event.kind, event.reason) for event in events] == [
        ("media", MediaKind.QUALITY, None),
        ("media", MediaKind.TIMED_OUT, "timeout"),
    ]


def _line(at: float, ev: str, **fields: str) -> dict[str, Any]:
    raw = json.dumps({"ev": ev, **fields, "t": str(START + at)})
    return {"t": START + at, "kind": "evapi", "raw": raw}


def _asked(at: float, command: str, answer: dict[str, Any], **request: str) -> dict[str, Any]:
    response = {**answer, "result": "ok"}
    return {"t": START + at, "request": {"command": command, **request}, "response": response}


def _counted(uptime: int, timeouts: int) -> dict[str, Any]:
    return {"statistics": {"totalstatistics": {"uptime": uptime, "timeoutsessions": timeouts}}}


def _write(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
