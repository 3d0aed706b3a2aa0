"""The whole answer about one user at one moment: what is told in words, and printed as JSON."""

from dataclasses import dataclass
from datetime import datetime

from operate.explain.narrative import Counted, Mark, Step, Told
from schemas.vocabulary import Cause, Status
from streams.models import Binding, EndedBinding, Leg, PresenceBinding, PresenceCall


@dataclass(slots=True, kw_only=True)
class Answer:
    """What subscribers read of the user. `cause` None: never reachable, as far as is known."""

    status: Status = Status.OFFLINE
    reachable: bool = False
    cause: Cause | None = None
    at: datetime | None = None
    evidence: list[str]
    bindings: list[PresenceBinding]
    calls: list[PresenceCall]


@dataclass(slots=True, kw_only=True)
class Published:
    """The presence record of that moment; `differences` from what the log tells, in words."""

    version: int
    produced: datetime
    differences: list[str]


@dataclass(slots=True, kw_only=True)
class BindingAccount:
    """`edge`: before it; `edge_of`: the node of the binding it is the edge of. `opened` and
    `confirmed` are None when the log holds those events no more."""

    key: str
    binding: Binding
    reachable: bool
    marks: list[str]
    edge: str | None
    edge_of: str | None
    opened: Told | None
    confirmed: Told | None


@dataclass(slots=True, kw_only=True)
class EndAccount:
    """`end`: as it was decided, whatever came later. `at`: the time of the event that ended it,
    with `at_latest` that of a later one.

    `told` is that event, None where it is not known; `lost`: it was out of reach before.
    """

    key: str
    end: EndedBinding
    at: datetime
    told: Told | None
    lost: Mark | None = None
    at_latest: bool = False


@dataclass(slots=True, kw_only=True)
class CallAccount:
    leg: str
    call: Leg
    told: Told | None


@dataclass(slots=True, kw_only=True)
class NodeAccount:
    """Of a node the user has something on. `heard`: its clock, as it last told."""

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
    """How far back a topic was read. `begins` None: it held nothing of that time.

    `skipped`: it holds more, of before `--since`.
    """

    topic: str
    complete: bool
    begins: datetime | None
    skipped: bool = False


@dataclass(slots=True, kw_only=True)
class Explanation:
    aor: str
    at: datetime
    is_now: bool
    assumed: str
    answer: Answer
    published: Published | None
    bindings: list[BindingAccount]
    ended: list[EndAccount]
    calls: list[CallAccount]
    nodes: list[NodeAccount]
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
        """Whether the log holds more, which was not read."""
        return any(one.skipped for one in self.coverage)
