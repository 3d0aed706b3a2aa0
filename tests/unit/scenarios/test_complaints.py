"""What users of other systems complain about: a test for each, by the number it has there.

A simulated cluster (tests/histories) does what the complaint is about; its reports go through the
folds. Complaints about producers and publishers have their tests beside those; docs/correctness.md
lists them all, and the last test here holds it to that.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from schemas import topics
from schemas.vocabulary import CallState, Cause, Status
from streams.folds.ordering import MAX_LISTABLE
from tests.histories.cluster import EXPIRES
from tests.histories.facts import REGISTRARS, Device
from tests.histories.history import pipeline_with
from tests.histories.reports import Report
from tests.histories.troubles import TroubledCluster
from tests.unit.pipeline import Pipeline

USER = "1001"
FS1, FS2 = REGISTRARS
ROOT = Path(__file__).parents[3]


@dataclass
class Site:
    """A cluster and the pipeline that reads its reports."""

    cluster: TroubledCluster = field(default_factory=lambda: TroubledCluster(chance=Random(1)))
    pipeline: Pipeline = field(default_factory=lambda: pipeline_with(timedelta(0)))
    delivered: int = 0

    def register(self, port: int, node: str = FS1, call: str = "one", udp: bool = False) -> Device:
        self.cluster.advance(5)
        return self.cluster.register(
            USER, node, port, udp=udp, edge=False, call_id=f"{call}@phone", name="browser"
        )

    def deliver(self, order: list[Report] | None = None) -> list[str]:
        """Deliver the reports since the last call; the changes so far."""
        arriving = order if order is not None else self.cluster.reports[self.delivered :]
        self.delivered = len(self.cluster.reports)
        for one in arriving:
            if not one.lost:
                self.pipeline.feed(one.topic, [(one.key, one.event)])
        return self.pipeline.changes(USER)

    @property
    def ports(self) -> list[int]:
        return self.pipeline.online().get(USER, [])


@pytest.mark.parametrize("reports_closes", [False, True], ids=["kernel", "kernel and FreeSWITCH"])
def test_late_close_leaves_a_reregistered_user_online(reports_closes: bool) -> None:
    """restsend/rustpbx#274, the registrar role of 2600hz kazoo, JsSIP#929."""
    site = Site()
    site.cluster.reports_closes = reports_closes
    old = site.register(5061)
    site.register(5062)
    site.cluster.close(old)
    assert all(change.startswith("online") for change in site.deliver())
    assert site.ports == [5062]


def test_lost_connection_is_offline_at_once_whatever_the_registrar_lists() -> None:
    """OpenSIPS#1769, OpenSIPS#2554, kamailio#915, kamailio#3985, kamailio#1366, drachtio-srf#57."""
    site = Site()
    site.cluster.close(site.register(5061))
    assert site.deliver()[-1] == "offline connection-closed"
    for _ in range(3):
        site.cluster.advance(60)
        site.cluster.list_node(FS1)  # the dead binding is listed until it expires
    assert site.deliver()[-1] == "offline connection-closed"
    site.register(5062)
    assert site.deliver()[-1] == "online registered"


def test_lost_events_are_corrected_by_the_next_listing() -> None:
    """freeswitch#2061, freeswitch#2143, freeswitch#2308, node-esl#34, OpenSIPS#535."""
    site = Site()
    gone = site.register(5061, call="gone", udp=True)
    site.deliver()
    site.cluster.lose(FS1)
    site.cluster.unregister(gone)
    site.cluster.advance(10)
    site.cluster.register(USER, FS1, 5063, udp=False, edge=False, call_id="new@phone")
    assert site.deliver() == ["online registered"]
    site.cluster.end_trouble(FS1)
    changes = site.deliver()
    assert "online found-in-snapshot" in changes
    assert site.ports == [5063]


def test_row_of_one_replica_revives_no_binding() -> None:
    """kamailio#3479, kamailio#265, OpenSIPS#3354, OpenSIPS#1749.

    A binding is its node's: another node's report of the same contact neither ends nor revives it.
    """
    site = Site()
    site.cluster.shares = True
    device = site.register(5061, udp=True)
    site.cluster.list_node(FS2)  # which does not have it
    site.deliver()
    assert site.ports == [5061]
    site.cluster.unregister(device)
    site.cluster.restart(FS2)
    site.cluster.advance(EXPIRES + 10)
    assert site.deliver()[-1] == "offline unregistered"


def test_expiry_reported_by_every_replica_ends_one_registration() -> None:
    """kamailio#265: the other's report is about a row that has another registration by now."""
    site = Site()
    site.cluster.shares = True
    site.register(5061, node=FS1, call="one", udp=True)
    site.cluster.advance(EXPIRES / 2)
    site.register(5061, node=FS2, call="two", udp=True)
    site.deliver()
    site.cluster.advance(EXPIRES / 2 + 10)  # FS1's is due; FS2 reports it too
    changes = site.deliver()
    assert changes[-1] == "online expired"
    assert [b.node for b in site.pipeline.published[-1].bindings] == [FS2]


def test_ended_call_never_comes_back_in_any_order() -> None:
    """kamailio#3192, kamailio#3229, freeswitch#2741: "early" after "terminated" left it on."""
    site = Site()
    device = site.register(5061)
    site.deliver()
    leg = site.cluster.ring(device)
    site.cluster.turn(leg)
    site.cluster.hang_up(leg)
    early_last = list(reversed(site.cluster.reports[site.delivered :]))
    site.deliver(early_last)
    last = site.pipeline.published[-1]
    assert (last.status, last.calls) == (Status.ONLINE, [])


def test_call_without_end_event_is_cleared_by_next_listing() -> None:
    """OpenSIPS#3880, and calls that a restarted server forgot."""
    site = Site()
    device = site.register(5061)
    leg = site.cluster.ring(device)
    site.cluster.turn(leg)
    assert site.deliver()[-1] == "on-the-phone call-answered"
    site.cluster.lose(FS1)
    site.cluster.hang_up(leg)
    assert site.deliver()[-1] == "on-the-phone call-answered"
    site.cluster.advance(5)
    site.cluster.end_trouble(FS1)
    assert site.deliver()[-1].startswith("online")
    other = site.cluster.ring(device)
    assert other.state is CallState.RINGING
    site.cluster.restart(FS1)
    site.deliver()
    assert not site.pipeline.published[-1].calls


def test_refreshes_publish_no_presence() -> None:
    """freeswitch#1174, freeswitch#1180: presence is published only when it changes."""
    site = Site()
    device = site.register(5061)
    for _ in range(200):
        site.cluster.advance(30)
        site.cluster.refresh(device)
        site.cluster.list_node(FS1)
    assert site.deliver() == ["online registered"]


def test_state_of_a_user_stays_bounded() -> None:
    """freeswitch#1183, phoenix_pubsub#71: memory grew with every client that had been there."""
    site = Site()
    sizes = []
    for number in range(2 * MAX_LISTABLE):
        device = site.cluster.register(
            USER, FS1, 10_000 + number, udp=False, edge=False, call_id=f"{number}@phone"
        )
        leg = site.cluster.ring(device)
        site.cluster.hang_up(leg)
        site.cluster.close(device)
        site.deliver()
        sizes.append(len(site.pipeline.state.sessions[f"sip:{USER}@example.test".encode()]))
    known = MAX_LISTABLE + 10
    assert max(sizes[known:]) <= max(sizes[:known]) * 1.05
    assert site.pipeline.published[-1].cause is Cause.CONNECTION_CLOSED
    assert site.cluster.reports[-1].topic is topics.CONNECTIONS


COMPLAINT = re.compile(
    r"^\| (?P<who>[^|]+) \| (?P<what>[^|]+) \| `(?P<file>[^`:]+)::(?P<test>\w+)` \|"
)


def test_every_listed_complaint_has_a_test() -> None:
    rows = [
        found
        for line in (ROOT / "docs" / "correctness.md").read_text().splitlines()
        if (found := COMPLAINT.match(line))
    ]
    assert len(rows) >= 12
    for row in rows:
        source = (ROOT / row["file"]).read_text()
        start = source.index(f"def {row['test']}(")
        docstring = source[start:].split('"""')[1]
        for complaint in row["who"].split(", "):
            assert complaint in " ".join(docstring.split()), (complaint, row["test"])
