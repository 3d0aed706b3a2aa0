"""Compares two reports: which figures became worse, by ratio. And one report with its targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# How a figure is compared follows from the end of its name.
_MORE_IS_BETTER = (
    "refreshes_per_second",
    "registrations_per_second",
    "producer_events_per_second",
    "rows_per_second",
    "deliveries_per_second",
)
_LESS_IS_BETTER = (
    "_ms",
    "_s",
    "_mb",
    "bytes_per_user",
    "kb_per_subscriber",
    "growth",
    "_us",
    "peak_lag_records",
)
_LESS_IS_BETTER_PARTS = ("cpu_us_per_",)
# Times of the benchmark itself, not of Rollcall.
_NOT_COMPARED = ("published_s", "act_s", "lease_s", "empty_worker_mb")
# Smaller differences are those of clock and scheduler.
_FLOORS = {"_ms": 5.0, "_s": 0.3, "peak_lag_records": 1_000.0}
_RATES = (
    "throughput.rollcall",
    "throughput.plain_faust",
    "throughput.batch_transport",
    "throughput.quix",
    "throughput.mixed.rollcall",
    "throughput.mixed.rollcall_2_workers",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure in two reports; `ratio` is how many times worse the new one is."""

    name: str
    old: float
    new: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Target:
    """A figure's target: at most, or at least. `limit`: what limits it."""

    figure: str
    what: str
    most: float | None = None
    least: float | None = None
    limit: str = ""

    def is_met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (
            self.least is None or value >= self.least
        )

    def short_by(self, value: float) -> float:
        """How many times a value must improve to meet the target."""
        if self.most is not None:
            return value / self.most
        return (self.least or 0.0) / value if value else float("inf")

    @property
    def text(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"


_EVENT = (
    "one process is one core, and an event takes some 100 µs of it: 30 JSON and zstandard, 35 the "
    "rules and their objects, 10 owners of connections, the rest Kafka's clients"
)
_HOPS = (
    "a close passes Kafka twice, to its join and to its session; each time some 25 ms until it is "
    "fetched, as long for the batch before it, and 10 to 17 for each acknowledgement"
)
_USERS = "each user is read, folded, written and published by one core, in 100 to 200 µs"
_RESTORE = "one process reads some two million records, in 10 µs each"

TARGETS = (
    Target(
        "throughput.rollcall_over.plain_faust", "times plain Faust's rate", least=40, limit=_EVENT
    ),
    Target(
        "throughput.rollcall_over.kafka_streams",
        "times Kafka Streams' rate",
        least=3,
        limit=f"{_EVENT}; Kafka Streams uses all cores",
    ),
    Target(
        "throughput.batch_transport_over.plain_faust",
        "plain Faust's own job on the batch transport: times its rate",
        least=20,
    ),
    Target("throughput.rollcall_over.limit", "of the bare limit's rate", least=0.5, limit=_EVENT),
    Target(
        "latency.socket_close.p50_ms", "socket close → subscriber, p50 ms", most=10, limit=_HOPS
    ),
    Target(
        "latency.socket_close.p99_ms", "socket close → subscriber, p99 ms", most=50, limit=_HOPS
    ),
    Target(
        "recovery.killed.standstill_s",
        "worker killed: s until presence moves",
        most=10,
        limit="start, place in the group, files, and what came after them",
    ),
    Target(
        "recovery.restarted.standstill_s",
        "planned restart: s until it moves",
        most=3,
        limit="the old one's end, Python's imports (over 1 s), files, and what came after them",
    ),
    Target(
        "recovery.restored_from_changelog_s",
        "s until all users are restored",
        most=20,
        limit=_RESTORE,
    ),
    Target("scale.worker_mb", "MB of a worker with all users", most=1_200),
    Target("scale.cost_growth", "times the cost of a refresh, first to last size", most=1.3),
    Target(
        "storm.closes.all_offline_s",
        "all connections close: s until all is right",
        most=5,
        limit=f"{_USERS}: twice, for the join and for the session",
    ),
    Target(
        "storm.node_lost.after_the_lease_s", "node lost: s after the lease", most=5, limit=_USERS
    ),
    Target("gateway.sse.p99_ms", "change → event stream, p99 ms", most=100),
    Target("gateway.routes.asked.p99_ms", "route of a call beside subscribers, p99 ms", most=10),
    Target("gateway.websocket.p99_ms", "change → WebSocket, p99 ms", most=100),
    Target("board.first_rows_cold_ms", "board: navigation → first rows, ms", most=1_000),
    Target("board.change_on_screen.p99_ms", "board: change → on screen, p99 ms", most=250),
    Target("board.search.p99_ms", "board: key → found, p99 ms", most=100),
)


def flat(results: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """(dotted name, value) of every number."""
    for name, value in results.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", value


def worse_by(name: str, old: float, new: float) -> float | None:
    """How many times worse; None for other figures, and for differences that are too small."""
    if name.endswith(_NOT_COMPARED):
        return None
    if name.endswith(_MORE_IS_BETTER) or name in _RATES:
        return old / new if new else float("inf")
    if name.endswith(_LESS_IS_BETTER) or any(part in name for part in _LESS_IS_BETTER_PARTS):
        floor = next((least for end, least in _FLOORS.items() if name.endswith(end)), 0.0)
        return max(new, floor) / max(old, floor) if max(old, floor) else None
    return None


def regressions(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[Change]:
    """The figures of both that are more than `tolerance` times worse, the worst first."""
    before = dict(flat(old))
    found = []
    for name, value in flat(new):
        ratio = worse_by(name, before[name], value) if name in before else None
        if ratio is not None and ratio > tolerance:
            found.append(Change(name, before[name], value, round(ratio, 2)))
    return sorted(found, key=lambda change: -change.ratio)
