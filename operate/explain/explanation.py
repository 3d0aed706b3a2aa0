"""The explanation of one user at one time: `rendering` prints it, `--json` encodes it."""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct
from msgspec import field as named

from operate.explain.events import Counted, Mark, ReportedEvent, Step
from schemas.call_record import CallRecord
from schemas.vocabulary import Cause, Status
from streams.models import Binding, EndedBinding, Leg, PresenceBinding, PresenceCall


@dataclass(slots=True, kw_only=True)
class Answer:
    """What subscribers read of the user. `cause` is None for a user never known as reachable."""

    status: Status = Status.OFFLINE
    reachable: bool = False
    cause: Cause | None = None
    at: datetime | None = None
    evidence: list[str]
    bindings: list[PresenceBinding]
    calls: list[PresenceCall]


@dataclass(slots=True, kw_only=True)
class Published:
    """The presence record of that time, and sentences on how it differs from the folded log."""

    version: int
    produced: datetime
    differences: list[str]


@dataclass(slots=True, kw_only=True)
class BindingEntry:
    """A binding. `edge` is the node before it, `edge_of` the node of the binding it is the edge of.

    `opened` and `confirmed` are None where the log no longer holds those events.
    """

    key: str
    binding: Binding
    reachable: bool
    marks: list[str]
    edge: str | None
    edge_of: str | None
    opened: ReportedEvent | None
    confirmed: ReportedEvent | None


class EndEntry(Struct, kw_only=True):
    """A binding's end as it was decided, whatever was reported later.

    `at` is the time of `event`, which ended it, or with `at_latest` the time of a later event;
    `event` is None where it is not known. `lost` is set where the binding was unreachable before.
    """

    key: str
    end: EndedBinding
    at: datetime
    event: ReportedEvent | None = named(name="told")
    lost: Mark | None = None
    at_latest: bool = False


class CallEntry(Struct, kw_only=True):
    """One leg, and the event that its state comes from, None where the log no longer holds it."""

    leg: str
    call: Leg
    event: ReportedEvent | None = named(name="told")


@dataclass(slots=True, kw_only=True)
class NodeEntry:
    """A node on which the user has a binding or a call. `heard` is its clock's latest time."""

    node: str
    boot: str | None = None
    heard: datetime | None = None
    down: bool = False
    lost: bool = False
    unwatched: bool = False
    stale: bool = False
    gap_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Coverage:
    """How far back a topic was read. `begins` is None where it held nothing of that time.

    `skipped` means that it holds records of before `--since`.
    """

    topic: str
    complete: bool
    begins: datetime | None
    skipped: bool = False


@dataclass(slots=True, kw_only=True)
class Explanation:
    """Field names are those of `rollcall explain --json`, unless a field names another.

    `calls` are the legs that the presence comes from; `call_records` the user's calls that
    are live or ended lately, the newest first, each as it is known now.
    """

    aor: str
    at: datetime
    is_now: bool
    assumed: str
    answer: Answer
    published: Published | None
    bindings: list[BindingEntry]
    ended: list[EndEntry]
    calls: list[CallEntry]
    call_records: list[CallRecord]
    nodes: list[NodeEntry]
    coverage: list[Coverage]
    records: int
    omitted: int
    timeline: list[Step]
    confirmed: list[Counted]
    ignored: list[Counted]

    @property
    def complete(self) -> bool:
        """Whether the log was read from its beginning."""
        return all(one.complete for one in self.coverage)

    @property
    def skipped(self) -> bool:
        """Whether the log holds records that were not read."""
        return any(one.skipped for one in self.coverage)
