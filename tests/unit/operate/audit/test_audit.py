"""An audit's two passes, the nodes it asks, and what it reports."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from operate.audit.audit import Audit, Report
from operate.audit.findings import Disagreement, Excuse, Kind, Limits
from operate.audit.listing import Listing, Row
from operate.audit.nodes import names_of, nodes_of
from operate.audit.registrar import NotAudited
from operate.audit.report import as_json, as_lines, summary
from operate.audit.settings import AuditSettings
from runtime.settings import BadArgument, BadSettings, load
from schemas.presence import Presence
from schemas.session import Session
from tests.unit.fold_events import AOR, listed, moment

LIMITS = Limits(timedelta(seconds=10), timedelta(seconds=35))
ONE = Disagreement(Kind.MISSING, "fs1", AOR, "sip:1001@10.0.0.7:5061;transport=tcp", "why")


class FakeNode:
    """Answers with each of `answers` in turn, the last one for ever; None is no answer."""

    label = "fs1"

    def __init__(self, *answers: list[Row] | None) -> None:
        self._answers = list(answers)

    def ask(self) -> Listing:
        rows = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if rows is None:
            raise NotAudited("timeout")
        return Listing("fs1", moment(1000), rows)


class FakeView:
    """Presence after each refresh, in turn."""

    def __init__(self, *states: dict[str, Presence]) -> None:
        self._states = list(states)
        self._now: dict[str, Presence] = {}

    def refresh(self) -> None:
        self._now = self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def presence(self) -> dict[str, Presence]:
        return self._now

    def sessions(self) -> dict[str, Session]:
        return {}


def row(port: int = 5061) -> Row:
    return Row(listed(1, "audit", port=port))


def online(*rows: Row) -> dict[str, Presence]:
    from tests.unit.operate.audit.test_comparison import presence, shown

    return {AOR: presence(*(shown(one) for one in rows))}


def audited(node: FakeNode, view: FakeView) -> tuple[Report, list[float]]:
    pauses: list[float] = []
    report = Audit([node], view, LIMITS, 5.0, pauses.append).run()
    return report, pauses


def test_agreement_needs_one_pass() -> None:
    report, pauses = audited(FakeNode([row()]), FakeView(online(row())))
    assert report.is_well
    assert (report.bindings, report.users, pauses) == ({"fs1": 1}, 1, [])


def test_disagreement_found_again_in_second_pass_is_reported() -> None:
    report, pauses = audited(FakeNode([row()]), FakeView({}))
    assert [one.kind for one in report.disagreements] == [Kind.MISSING]
    assert pauses == [5.0]
    assert not report.is_well


@pytest.mark.parametrize(
    "view",
    [
        FakeView({}, online(row())),  # it arrived while the node was asked
        FakeView({}, {}, online(row())),  # between the passes
        FakeView({}, {}, {}, online(row())),  # during the second pass
    ],
)
def test_delayed_event_is_no_disagreement(view: FakeView) -> None:
    assert audited(FakeNode([row()]), view)[0].is_well


def test_another_disagreement_in_second_pass_is_not_reported() -> None:
    report, _ = audited(FakeNode([row(5061)], [row(5062)]), FakeView({}))
    assert report.is_well


@pytest.mark.parametrize("answers", [[None], [[row()], None]])
def test_node_without_answer_is_unaudited_and_never_well(answers: list[Any]) -> None:
    report, _ = audited(FakeNode(*answers), FakeView({}))
    assert report.unaudited == {"fs1": "timeout"}
    assert report.disagreements == []
    assert report.bindings == {}
    assert not report.is_well


def test_second_node_of_the_same_name_is_unaudited() -> None:
    nodes = [FakeNode([row()]), FakeNode([row()])]
    report = Audit(nodes, FakeView(online(row())), LIMITS, 0, lambda _: None).run()
    assert report.unaudited == {"fs1": "another node of that name was already asked"}


# -- nodes -----------------------------------------------------------------------------------------


def test_nodes_by_name_and_address() -> None:
    nodes = nodes_of(
        [
            "freeswitch:fs1=10.0.0.1:8021",
            "opensips:os1=http://10.0.0.3:8888/mi",
            "kamailio:kam1=http://10.0.0.4:5060/RPC",
        ]
    )
    assert [node.label for node in nodes] == names_of(nodes) == ["fs1", "os1", "kam1"]


def test_switch_without_name_is_labelled_by_address() -> None:
    nodes = nodes_of(["freeswitch=[::1]:8021"])
    assert [node.label for node in nodes] == ["::1:8021"]
    assert names_of(nodes) is None


def test_nodes_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="no node to audit"):
        nodes_of([])
    file = tmp_path / "rollcall.toml"
    file.write_text('[kamailio]\nnode = "kam1"\n[sockets]\nnode = "kam1"\nports = [5060]\n')
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(file))
    monkeypatch.setenv("ROLLCALL_FREESWITCH_NODE", "fs1")
    assert names_of(nodes_of([])) == ["fs1", "kam1"]


@pytest.mark.parametrize(
    "text", ["fs1", "asterisk:a=1.2.3.4:5", "freeswitch:fs1=10.0.0.1", "opensips=http://10.0.0.1"]
)
def test_unusable_node_text_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        nodes_of([text])


def test_unusable_node_text_in_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_AUDIT_NODES", '["fs1"]')
    with pytest.raises(BadSettings, match=r"audit\.nodes"):
        load(AuditSettings)


# -- reports ---------------------------------------------------------------------------------------


def test_summary_and_lines() -> None:
    report = Report(
        {"fs2": 1, "fs1": 2}, 2, [ONE], Counter({Excuse.PING_LOST: 1}), {"fs3": "timeout"}
    )
    assert json.loads(json.dumps(summary(report))) == {
        "nodes": {"fs1": 2, "fs2": 1},
        "bindings": 3,
        "users": 2,
        "disagreements": 1,
        "unaudited": {"fs3": "timeout"},
        "excused": {"ping-lost": 1},
    }
    assert as_json(ONE)["kind"] == "missing"
    assert as_lines(report) == [
        "1 disagreements; 3 bindings of 2 users on fs1, fs2",
        "rightly different: 1 ping-lost",
        "NOT AUDITED fs3: timeout",
    ]
