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
    "bytes_per_refresh",
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
    "refreshing.rollcall",
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
    "one process is one core, and an event takes some 50 to 100 µs of it: JSON, zstandard, the "
    "rules and their objects, owners of connections, Kafka's clients; Kafka Streams uses all cores"
)
_ROUND = (
    "a change waits for the fetch before it, the fetch, the batch before it, and two "
    "acknowledgements; broker, load and subscriber share its cores"
)
_HOPS = f"a close passes Kafka twice, to its join and to its session, and each time: {_ROUND}"
_USERS = "each user is read, folded, written and published by one core, in 100 to 200 µs"
_REFRESH = "a refresh is fetched, decoded, folded, logged and acknowledged by one core"
_RESTORE = "one process reads some two million records, in 10 µs each"

TARGETS = (
    Target(
        "latency.events_1000_per_second.p50_ms",
        "event → subscriber at 1,000/s, p50 ms",
        most=5,
        limit=_ROUND,
    ),
    Target(
        "latency.events_1000_per_second.p99_ms",
        "event → subscriber at 1,000/s, p99 ms",
        most=20,
        limit=_ROUND,
    ),
    Target(
        "latency.events_5000_per_second.p50_ms",
        "event → subscriber at 5,000/s, p50 ms",
        most=14,
        limit=_ROUND,
    ),
    Target(
        "latency.events_5000_per_second.p99_ms",
        "event → subscriber at 5,000/s, p99 ms",
        most=45,
        limit=_ROUND,
    ),
    Target(
        "latency.socket_close.p50_ms",
        "socket close → subscriber under 2,000/s, p50 ms",
        most=10,
        limit=_HOPS,
    ),
    Target(
        "latency.socket_close.p99_ms",
        "socket close → subscriber under 2,000/s, p99 ms",
        most=40,
        limit=_HOPS,
    ),
    Target(
        "scale.cpu_us_per_refresh", "a refresh: µs of CPU in the worker", most=25, limit=_REFRESH
    ),
    Target("scale.logged_bytes_per_refresh", "a refresh: bytes logged", most=150, limit=_REFRESH),
    Target(
        "scale.steady.probes.p99_ms",
        "a million users refreshing every 60 s: others' changes, p99 ms",
        most=500,
        limit=_REFRESH,
    ),
    Target(
        "throughput.rollcall_over.kafka_streams",
        "throughput (half the events change presence): times Kafka Streams'",
        least=1.2,
        limit=_EVENT,
    ),
    Target(
        "throughput.rollcall_over_per_cpu_second.kafka_streams",
        "the same by CPU second",
        least=2.5,
        limit=_EVENT,
    ),
    Target(
        "refreshing.rollcall_over.kafka_streams",
        "throughput with 98 % refreshes: times Kafka Streams'",
        least=2,
        limit=f"{_EVENT}; {_REFRESH}",
    ),
    Target(
        "throughput.batch_transport_over.plain_faust",
        "plain Faust's own job on the batch transport: times its rate",
        least=20,
    ),
    Target(
        "storm.closes.all_offline_s",
        "100,000 connections close: s until all is right",
        most=6,
        limit=f"{_USERS}: twice, for the join and for the session",
    ),
    Target(
        "storm.node_lost.after_the_lease_s",
        "node of 100,000 users lost: s after the lease",
        most=5,
        limit=_USERS,
    ),
    Target(
        "recovery.killed.standstill_s",
        "worker killed: s until presence moves",
        most=10,
        limit="start, place in the group, files, and what came after them",
    ),
    Target(
        "recovery.restarted.standstill_s",
        "planned restart with a million users: s until it moves",
        most=2.5,
        limit="the old one's end, Python's imports (over 1 s), files, and what came after them",
    ),
    Target(
        "recovery.restored_from_changelog_s",
        "s until all users are restored",
        most=20,
        limit=_RESTORE,
    ),
    Target(
        "scale.worker_mb",
        "MB of a worker with a million users",
        most=850,
        limit="a session is kept as the changelog's bytes, compressed, and in two indexes",
    ),
    Target("scale.cost_growth", "times the cost of a refresh, first to last size", most=1.3),
    Target("gateway.sse.p99_ms", "change → event stream, p99 ms", most=100),
    Target(
        "gateway.routes.asked.p99_ms",
        "route of a call beside subscribers, p99 ms",
        most=10,
        limit="10,000 subscribers and those who ask share the two cores with the gateway, and "
        "their own processes take more than one of them",
    ),
    Target("gateway.websocket.p99_ms", "change → WebSocket, p99 ms", most=100),
    Target("board.first_rows_cold_ms", "board: navigation → first rows, ms", most=1_000),
    Target("board.change_on_screen.p99_ms", "board: change → on screen, p99 ms", most=250),
    Target(
        "board.search.p99_ms",
        "board: key → found, p99 ms",
        most=100,
        limit="a search waits as long as the list before it took, and the browser has one of the "
        "two cores",
    ),
)

# Targets of earlier pages, and why they are none any more.
GIVEN_UP = (
    (
        "40 times plain Faust's rate",
        "plain Faust's job alone goes that much faster on the batch transport, which has a target "
        "of its own. Rollcall's event does more: fences, connection owners, timers, CloudEvents "
        "headers, and two acknowledgements in order. Faust's rate limits none of this",
    ),
    (
        "half of the bare limit's rate in one process",
        "the bare limit copies bytes in C and keeps no state, in less than 20 µs an event. A fold "
        "in Python that is durable before it is published takes more than twice that; more cores "
        "are used by more processes (`streams.processes`)",
    ),
    (
        "3 times Kafka Streams' rate",
        "it uses all cores, a worker process one: what counts is the rate by CPU second, and with "
        "the refreshes that are nearly every event in life",
    ),
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
