"""`rollcall replay kamailio=FILE`: reads lines and listings, and plays them to a real producer."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local.replay.evapi_recording import (
    RecordedAnswer,
    RecordedLine,
    RecordedListing,
    domain_of,
    read_kamailio,
)
from local.replay.kamailio import KamailioReplay
from local.replay.pace import Feedback
from local.replay.rpc_answers import RpcAnswers
from producers.kamailio.settings import KamailioSettings
from producers.kamailio.stage import KamailioProducer
from runtime.stage import Stage
from tests.eventually import eventually
from tests.unit.kamailio_capture import CAPTURES
from tests.unit.opensips_capture import Collector
from tests.unit.pipeline import Pipeline

START = 1_795_502_000
PREFIX = "ROLLCALL_KAMAILIO_"
ON = "online registered"


def line(at: float, ev: str, **fields: Any) -> str:
    raw = json.dumps({"ev": ev, **fields, "t": START + at}, separators=(",", ":"))
    return json.dumps({"t": START + at, "kind": "evapi", "raw": raw})


def register(at: float, user: str, aor: str | None = None) -> str:
    contact = f"<sip:{user}@192.0.2.7:5060>"
    about = {"contact": contact, "expires": "600", "src": "udp:192.0.2.7:5060"}
    return line(at, "register", user=aor or user, callid=f"{user}@h", cseq="1", **about)


def rpc(at: float, method: str, result: Any, **more: Any) -> str:
    return json.dumps({"t": START + at, "kind": "rpc", "method": method, "result": result, **more})


def dump(*users: str) -> Any:
    """An answer of ul.dump with these users, made from the recorded one."""
    recorded = json.loads((CAPTURES / "rpc_ul_dump.json").read_text())["result"]
    domain = recorded["Domains"][0]["Domain"]
    row = domain["AoRs"][0]["Info"]["Contacts"][0]["Contact"]
    domain["AoRs"] = []
    for user in users:
        name = user.partition("@")[0]
        address = f"sip:{name}@192.0.2.7:5060"
        contact = {**row, "Address": address, "Call-ID": f"{name}@h", "Expires": 3}
        info = {"AoR": user, "HashID": 1, "Contacts": [{"Contact": contact}]}
        domain["AoRs"].append({"Info": info})
    return recorded


def written(folder: Path, *rows: str) -> Path:
    path = folder / "k.jsonl"
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


class Publisher(Collector):
    """Publishes into the pipeline at once: no record is ever undelivered."""

    def status(self) -> dict[str, int]:
        return {"undelivered": 0, "spooled": 0}


def played(path: Path, speed: float | None = None) -> Pipeline:
    """Play a recording to a real producer, to its end."""
    pipeline = Pipeline()
    publisher: Any = Publisher(pipeline)
    producer: KamailioProducer

    def processed(size: int) -> bool:
        status = producer.status()
        return replay.received(status) >= size and not status["queued"]

    def ready() -> bool:
        return bool(producer.status()["connected"])

    replay = KamailioReplay(path, speed=speed, feedback=Feedback(ready, processed, processed))
    stage = Stage("kamailio")
    replay.start()
    try:
        given = replay.environment(None)
        settings: dict[str, Any] = {
            name.removeprefix(PREFIX).lower(): value for name, value in given.items()
        }
        producer = KamailioProducer(KamailioSettings(**settings), publisher, stage)
        thread = threading.Thread(target=producer.run)
        thread.start()
        eventually(lambda: replay.finished and processed(replay.sent_events), 60)
        stage.stop.set()
        thread.join()
    finally:
        replay.stop()
    assert publisher.dead_letters == []
    return pipeline


def test_recorded_lines_give_the_clients_changes() -> None:
    pipeline = played(CAPTURES / "sc_b_udpexp.jsonl")
    assert pipeline.changes("udpexp") == [ON, "offline expired"]
    registered = next(p for p in pipeline.published if p.aor == "sip:udpexp@sip.test")
    # It has the time of the play.
    assert abs(registered.at.timestamp() - time.time()) < 30


def test_first_listing_counts_before_any_event(tmp_path: Path) -> None:
    answers = rpc(0, "ul.dump", dump("ann", "bob")), rpc(0.01, "dlg.list", [])
    removed = line(4, "usrloc:contact-expired", aor="ann", addr="sip:ann@192.0.2.7:5060",
                   received="<null>", callid="ann@h", cseq="1", expires=str(START + 3))  # fmt: skip
    pipeline = played(written(tmp_path, *answers, removed))
    assert pipeline.changes("ann") == ["online found-in-snapshot", "offline expired"]
    assert pipeline.changes("bob") == ["online found-in-snapshot"]


def test_listing_counts_in_its_recorded_place(tmp_path: Path) -> None:
    """Ann was replaced without an event; cas registered after the listing, which lacks him."""
    rows = (
        register(0, "ann", "ann@example.org"),
        register(0.1, "bob", "bob@example.org"),
        rpc(60, "ul.dump", dump("bob@example.org")),
        register(61, "cas", "cas@example.org"),
    )
    pipeline = played(written(tmp_path, *rows))
    assert pipeline.changes("ann") == [ON, "offline missing-from-snapshot"]
    assert pipeline.changes("cas") == [ON]
    assert pipeline.changes("bob")[0] == ON
    assert set(pipeline.online()) == {"bob", "cas"}


def test_paced_outdated_listing_is_not_given(tmp_path: Path) -> None:
    rows = (
        rpc(0, "ul.dump", dump("bob@example.org")),
        register(30, "cas", "cas@example.org"),
        line(150, "tcp:closed", src="tcp:192.0.2.9:1"),
    )
    pipeline = played(written(tmp_path, *rows), speed=30)
    assert pipeline.changes("bob") == ["online found-in-snapshot"]
    assert pipeline.changes("cas") == [ON]


def test_contact_removed_at_its_expiry_has_expired(tmp_path: Path) -> None:
    expired = line(7.5, "usrloc:contact-expired", aor="ann@example.org", callid="ann@h", cseq="1",
                   addr="sip:ann@192.0.2.7:5060", expires=str(START + 7))  # fmt: skip
    registered = register(0, "ann", "ann@example.org").replace("600", "7")
    pipeline = played(written(tmp_path, registered, expired))
    assert pipeline.changes("ann") == [ON, "offline expired"]


def test_only_times_are_moved() -> None:
    contacts = json.dumps([{"addr": "sip:a@h", "expires": "1795502600", "callid": "1795502600"}])
    register = {"ev": "register", "expires": "1795502600", "contacts": contacts,
                "callid": "1795502600", "ua": '"t":1795502600', "read": "1795502000.000001",
                "t": "1795502000.5"}  # fmt: skip
    raw = json.dumps(register).encode()
    moved = json.loads(RecordedLine(raw, 0).moved(10_250_000))
    assert json.loads(moved.pop("contacts")) == [
        {"addr": "sip:a@h", "expires": "1795502610", "callid": "1795502600"}
    ]
    del register["contacts"]
    assert moved == register | {"read": "1795502010.250001", "t": "1795502010.750000"}
    expired = b'{"ev":"usrloc:contact-expired","expires":"1795502600","cseq":"1","t":1795502000}'
    assert RecordedLine(expired, 0).moved(-1_000_000) == expired.replace(
        b"1795502600", b"1795502599"
    ).replace(b"1795502000", b"1795501999")
    dropped = b'{"ev":"usrloc:contact-expired","expires":"10"}'
    assert RecordedLine(dropped, 0).moved(10**9) == dropped


def test_lines_and_listings_are_read_in_order(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        json.dumps({"t": START, "kind": "note", "note": "x"}),
        rpc(1, "ul.dump", {}),
        rpc(1.1, "core.tcp_list", []),
        rpc(1.2, "ul.dump", {}),
        line(2, "hello", boot="1"),
        rpc(3, "ul.lookup", {"AoR": "a"}),
        rpc(9, "dlg.list", []),
    )
    shown = [
        [answer.method for answer in frame.answers]
        if isinstance(frame, RecordedListing)
        else frame.name
        for frame in read_kamailio(path)
    ]
    assert shown == [
        ["ul.dump", "core.tcp_list"],
        ["ul.dump"],
        b"hello",
        ["ul.lookup"],
        ["dlg.list"],
    ]


def answer(method: str, result: Any, params: Any = None) -> RecordedAnswer:
    return RecordedAnswer(method, params, {"result": result}, 0)


def test_answer_is_valid_until_an_event_that_may_change_it() -> None:
    listing = RecordedListing([answer(m, m) for m in ("ul.dump", "core.tcp_list", "dlg.list")])
    answers = RpcAnswers([listing])
    assert answers.answer("ul.dump", None) is None
    assert answers.is_upcoming("ul.dump", None)
    answers.reached(listing)
    assert not answers.is_upcoming("ul.dump", None)
    answers.passed("")  # a hello
    assert answers.answer("ul.dump", None) is listing.answers[0]
    answers.passed("connections")
    assert answers.answer("ul.dump", None) is answers.answer("core.tcp_list", None) is None
    assert answers.answer("dlg.list", None) is listing.answers[2]
    answers.passed("calls")
    assert answers.answer("dlg.list", None) is None


@pytest.mark.parametrize("recorded_params", [None, ["location", "ann"], {"aor": "ann"}])
def test_lookup_is_answered_for_its_user(recorded_params: Any) -> None:
    listing = RecordedListing([answer("ul.lookup", {"AoR": "ann"}, recorded_params)])
    answers = RpcAnswers([listing])
    answers.reached(listing)
    assert answers.answer("ul.lookup", {"table": "location", "aor": "ann"}) is not None
    assert answers.answer("ul.lookup", ["location", "ann"]) is not None
    assert answers.answer("ul.lookup", {"table": "location", "aor": "bob"}) is None
    assert answers.answer("ul.lookup", None) is None


@pytest.mark.parametrize(
    ("rows", "domain"),
    [
        ([register(0, "ann", "ann@example.org")], None),
        ([register(0, "ann")], "kamailio.invalid"),
        ([register(0, "ann"), line(1, "dialog:start", to="sip:ann@Example.org;x")], "example.org"),
        ([rpc(0, "ul.dump", dump("ann"))], "kamailio.invalid"),
        ([rpc(0, "ul.dump", dump("ann@example.org"))], None),
    ],
)
def test_users_without_domain_get_the_recordings_domain(
    rows: list[str], domain: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, *rows)
    assert domain_of(path, read_kamailio(path)) == domain


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json\n",
        "[]\n",
        '{"t": 1, "kind": "note"}\n',
        '{"t": 1, "kind": "evapi"}\n',
        '{"t": 1, "kind": "evapi", "raw": 7}\n',
        '{"t": 1, "kind": "rpc", "method": "ul.dump"}\n',
        '{"t": 1, "kind": "rpc", "method": 5, "result": 1}\n',
        '{"t": "1", "kind": "evapi", "raw": "x"}\n',
    ],
)
def test_other_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"recording|contains no|Expecting"):
        read_kamailio(path)
