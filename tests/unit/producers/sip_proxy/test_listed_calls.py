"""Listings of dialogs: calls without an end event, and producers that start during a call."""

import json
from typing import Any

import pytest

from producers.kamailio.lister import Lister as KamailioLister
from producers.opensips.lister import Lister as OpenSipsLister
from producers.sip_proxy.errors import MiRefused
from schemas.topics import CALLS
from schemas.vocabulary import CallKind
from tests.unit import kamailio_capture, opensips_capture
from tests.unit.kamailio_capture import CAPTURES

AT = 1_795_502_000.0
ALICE, BOB = "sip:alice@sip.test", "sip:bob@sip.test"


class Answers:
    """A management interface that has this list of dialogs, or none at all."""

    version_text = ""

    def __init__(self, dialogs: Any) -> None:
        self.dialogs = dialogs

    def call(self, command: str, parameters: Any = None) -> Any:
        del parameters
        if command not in ("dlg_list", "dlg.list") or self.dialogs is None:
            raise MiRefused("Method not found")
        return self.dialogs


class OpenSips:
    """One OpenSIPS; `dialog` is a row of its dlg_list."""

    play: Any

    def __init__(self) -> None:
        self.play = opensips_capture.Play()
        self.answers = Answers({"Dialogs": []})
        self.at = AT

    def send(self, name: str, **parameters: Any) -> None:
        self.at += 10
        message = {"jsonrpc": "2.0", "method": name, "params": parameters}
        self.play.datagram(self.at, json.dumps(message).encode())

    def register(self) -> None:
        for user in ("alice", "bob"):
            self.send(
                "E_UL_CONTACT_INSERT",
                domain="location",
                aor=f"{user}@sip.test",
                uri=f"sip:{user}@192.0.2.7:5060",
                socket="udp:192.0.2.1:5060",
                expires=int(AT) + 3600,
                callid=user,
                cseq=1,
            )

    def begin(self) -> None:
        self.send("E_ROLLCALL_CALL", callid="c", from_tag="t", caller=ALICE, callee=BOB)
        self.change(3)

    def change(self, state: int) -> None:
        self.send("E_DLG_STATE_CHANGED", callid="c", from_tag="t", old_state=1, new_state=state)

    def end(self) -> None:
        self.change(5)

    def has(self, *states: int) -> None:
        dialog = {"callid": "c", "caller_tag": "t", "from_uri": ALICE, "to_uri": BOB}
        self.answers.dialogs = {"Dialogs": [{**dialog, "state": state} for state in states]}

    def list_calls(self) -> None:
        lister = OpenSipsLister(self.answers, self.play.intake)
        self.play.intake.ticks._clock = lambda: round((self.at + 10) * 1e9)
        lister.list_calls()

    def forget(self) -> None:
        """The producer restarts."""
        self.play.context.dialogs.clear()


class Kamailio(OpenSips):
    """One Kamailio; `dialog` is a row of its dlg.list."""

    def __init__(self) -> None:
        self.play = kamailio_capture.Play()
        self.answers = Answers([])
        self.at = AT

    def send(self, name: str, **parameters: Any) -> None:
        self.at += 10
        line = json.dumps({"ev": name, "t": f"{self.at:.3f}", **parameters}).encode()
        self.play.line(line, self.at)

    def register(self) -> None:
        for user in ("alice", "bob"):
            self.send(
                "register",
                aor=f"{user}@sip.test",
                contact=f"<sip:{user}@192.0.2.7:5060>;expires=3600",
                result=1,
                src="udp:192.0.2.7:5060",
                callid=user,
                cseq=1,
            )

    def begin(self) -> None:
        self.send("call", callid="c", h_id=7, caller=ALICE, callee=BOB)
        self.send("ringing", callid="c", h_id=7)
        self.send("dialog:start", callid="c", h_id=7)

    def end(self) -> None:
        self.send("dialog:end", callid="c", h_id=7, life=12)

    def has(self, *states: int) -> None:
        row = {"call-id": "c", "h_id": 7, "from_uri": ALICE, "to_uri": BOB}
        self.answers.dialogs = [{**row, "state": state} for state in states]

    def list_calls(self) -> None:
        self.play.intake.ticks._clock = lambda: round((self.at + 10) * 1e9)
        KamailioLister(self.answers, self.play.intake).list_calls()


@pytest.fixture(params=[OpenSips, Kamailio])
def node(request: pytest.FixtureRequest) -> OpenSips:
    found: OpenSips = request.param()
    found.register()
    return found


def states(node: OpenSips) -> list[list[str]]:
    return [node.play.pipeline.changes(user) for user in ("alice", "bob")]


def test_listed_call_goes_on(node: OpenSips) -> None:
    node.begin()
    before = states(node)
    node.has(4)
    node.list_calls()
    assert states(node) == before
    node.end()
    assert [last[-1] for last in states(node)] == ["online call-ended"] * 2


@pytest.mark.parametrize("left", [(), (5,)])
def test_call_without_end_event_is_ended_by_the_listing(
    node: OpenSips, left: tuple[int, ...]
) -> None:
    node.begin()
    assert [last[-1] for last in states(node)] == ["on-the-phone call-answered"] * 2
    node.has(*left)
    node.list_calls()
    assert [last[-1] for last in states(node)] == ["online missing-from-snapshot"] * 2


def test_server_without_dialogs_ends_no_call(node: OpenSips) -> None:
    node.begin()
    before = states(node)
    node.answers.dialogs = None
    node.list_calls()
    assert states(node) == before


@pytest.mark.parametrize("dialogs", [{}, {"Dialogs": [{"callid": "c"}]}, [{}], "", 3])
def test_listing_of_another_form_ends_no_call(node: OpenSips, dialogs: Any) -> None:
    node.begin()
    before = states(node)
    node.answers.dialogs = dialogs
    node.list_calls()
    assert states(node) == before


def test_producer_started_during_a_call_learns_its_users(node: OpenSips) -> None:
    node.begin()
    node.forget()
    node.has(4)
    node.list_calls()
    node.end()
    assert [last[-1] for last in states(node)] == ["online call-ended"] * 2


def test_call_begun_before_the_producer_is_listed(node: OpenSips) -> None:
    node.has(2)
    node.list_calls()
    assert [last[-1] for last in states(node)] == ["ringing call-ringing"] * 2


def test_calls_without_dialogs_are_not_ended_by_a_listing() -> None:
    node = OpenSips()
    node.register()
    node.send(
        "E_ACC_EVENT",
        method="INVITE",
        callid="c",
        from_tag="t",
        to_tag="u",
        sip_code="200",
        caller=ALICE,
        callee=BOB,
    )
    before = states(node)
    assert before[0][-1] == "on-the-phone call-answered"
    node.list_calls()
    assert states(node) == before


def test_two_calls_of_one_call_id_are_two() -> None:
    """A caller chooses the Call-ID, and may choose another's; the dialog's number it does not."""
    node = Kamailio()
    node.register()
    node.begin()
    node.send("call", callid="c", h_id=8, caller="sip:mallory@sip.test", callee=BOB)
    node.send("dialog:failed", callid="c", h_id=8, rs=486)
    assert states(node)[0][-1] == "on-the-phone call-answered"
    (ended,) = [
        e
        for e in node.play.events(CALLS)
        if e.kind is CallKind.ENDED and e.aor == "sip:mallory@sip.test"
    ]
    assert (ended.status_code, ended.peer) == (486, "bob")


def test_recorded_listing() -> None:
    node = Kamailio()
    node.register()
    node.answers.dialogs = json.loads((CAPTURES / "rpc_dlg_list_live.json").read_text())["result"]
    node.list_calls()
    assert [last[-1] for last in states(node)] == ["on-the-phone call-answered"] * 2
