"""What is checked of a history while its records come in, and when all have come."""

from dataclasses import dataclass, field
from datetime import timedelta

from calls.fold.book import CallBook
from schemas import topics
from schemas.presence import Presence
from schemas.vocabulary import CallKind, Status
from tests.histories.cluster import OVERDUE
from tests.histories.facts import Facts
from tests.histories.reports import START, Report
from tests.unit.pipeline import Pipeline

# Beyond what a source is late: a node's clock in steps, and the time a listing takes.
ALLOWANCE = 0.1


@dataclass
class Checker:
    """Plays records to a pipeline, and describes in `wrong` how it differs from the facts."""

    facts: Facts
    pipeline: Pipeline
    late: float
    wrong: list[str] = field(default_factory=list)
    _last: dict[str, Presence] = field(default_factory=dict)
    _seen: int = 0
    _ended_legs: set[str] = field(default_factory=set)
    _calls: CallBook = field(default_factory=lambda: CallBook(1))

    def take(self, at: float, report: Report) -> None:
        """One record comes in, at a moment of the true clock."""
        self._check_moment(at)
        if (passed := START + timedelta(seconds=at) - self.pipeline.now) > timedelta(0):
            self.pipeline.wait(passed)
        self._read(at)
        self.pipeline.feed(report.topic, [(report.key, report.event)])
        if report.topic is topics.CALLS and report.event.kind is CallKind.ENDED:
            self._ended_legs.add(report.event.leg)
        self._fold_calls(report)
        self._read(at)
        self._check_moment(at)

    def repeat(self, records: list[Report]) -> None:
        """All that came in comes in once more: nothing may change."""
        before = len(self.pipeline.published)
        for one in records:
            self.pipeline.feed(one.topic, [(one.key, one.event)])
            self._fold_calls(one)
        for presence in self.pipeline.published[before:]:
            self.wrong.append(f"repeated events changed {presence.aor}: {presence.cause}")
        self._read(float("inf"))

    def conclude(self, grace: timedelta) -> None:
        """Everything has come in, and every registrar was listed."""
        self.pipeline.wait(grace + timedelta(seconds=1))
        self._read(float("inf"))
        truth = self.facts.reachable()
        for aor in sorted({*self._last, *truth}):
            presence = self._last.get(aor)
            bindings = presence.bindings if presence else []
            unclear = self._unclear(aor)
            places = sorted(truth.get(aor, set()) - unclear)
            shown = sorted((b.node, b.remote.port) for b in bindings if b.remote)
            shown = [place for place in shown if place not in unclear]
            if shown != places:
                self.wrong.append(f"{aor}: shown at {shown}, is at {places}")
            if presence is None or unclear:
                continue
            if presence.status is not self.facts.status(aor):
                is_now = f"is {self.facts.status(aor)}"
                self.wrong.append(f"{aor}: shown {presence.status}, {is_now}")
            if any(b.suspect or b.stale for b in bindings):
                self.wrong.append(f"{aor}: still uncertain")
        self._check_calls()
        if self.pipeline.dead_letters:
            self.wrong.append(f"{len(self.pipeline.dead_letters)} dead letters")

    def _fold_calls(self, report: Report) -> None:
        """The call records of the same events, and of what the streams know of the nodes."""
        if report.topic is topics.CALLS:
            self._calls.read_call(report.event, 0, self.pipeline.now)
        for node, state in self.pipeline.state.nodes.items():
            self._calls.read_node(node, state, self.pipeline.now)

    def _check_calls(self) -> None:
        """Busy never sticks: the calls that are live are those that there are."""
        true = {(leg.node, leg.id) for leg in self.facts.legs}
        legs = (leg for call in self._calls.calls.values() for leg in call.legs.values())
        shown = {(leg.node, leg.leg) for leg in legs if leg.ended is None}
        if shown != true:
            self.wrong.append(f"live legs in call records {shown}, there are {true}")

    def _unclear(self, aor: str) -> set[tuple[str, int]]:
        return {
            (d.node, d.port)
            for d in self.facts.devices
            if d.aor == aor and self.facts.is_unclear(d)
        }

    def _check_moment(self, at: float) -> None:
        """Nobody is shown wrongly for longer than the sources are late."""
        window = self.late + ALLOWANCE
        for aor in {*self._last, *self.facts.happened}:
            if self._unclear(aor):
                continue
            presence = self._last.get(aor)
            shown = presence is not None and presence.reachable
            true, since = self.facts.since(aor, at)
            if (
                shown != true
                and at - since > window
                and not self.facts.is_uncertain(aor, at, window)
            ):
                self.wrong.append(
                    f"{aor}: shown reachable={shown} at {at:.2f}, not since {since:.2f}"
                )

    def _read(self, at: float) -> None:
        for presence in self.pipeline.published[self._seen :]:
            self._check_record(presence, at)
            self._last[presence.aor] = presence
        self._seen = len(self.pipeline.published)

    def _check_record(self, presence: Presence, at: float) -> None:
        aor, before = presence.aor, self._last.get(presence.aor)
        version = before.version if before else 0
        if presence.version != version + 1:
            self.wrong.append(f"{aor}: version {presence.version} after {version}")
        if before is not None and presence.at < before.at:
            self.wrong.append(f"{aor}: version {presence.version} is of before {version}")
        if before is not None and _shows(before) == _shows(presence):
            self.wrong.append(f"{aor}: version {presence.version} shows nothing new")
        happened = self.facts.happened.get(aor, {}).get(presence.cause, float("inf")) <= at
        if not happened and not self.facts.is_uncertain(aor, at, OVERDUE):
            self.wrong.append(f"{aor}: {presence.cause} never happened")
        if presence.reachable != bool(presence.bindings):
            self.wrong.append(f"{aor}: reachable {presence.reachable} with {presence.bindings}")
        is_online = presence.status in (Status.ONLINE, Status.RINGING)
        if is_online and not presence.reachable and not self._has_grace:
            self.wrong.append(f"{aor}: {presence.status} out of reach")
        for call in presence.calls:
            if call.leg in self._ended_legs:
                self.wrong.append(f"{aor}: {call.leg} came back")

    @property
    def _has_grace(self) -> bool:
        return bool(self.pipeline.state.grace("sip:any@example.test"))


def _shows(presence: Presence) -> tuple[object, ...]:
    return presence.status, presence.reachable, presence.bindings, presence.calls
