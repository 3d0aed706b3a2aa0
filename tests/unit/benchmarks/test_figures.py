"""The benchmarks' own sums: percentiles, expected outcomes, comparison, the page."""

import itertools
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from benchmarks import comparison, load, report
from benchmarks.changes import Roll
from benchmarks.figures import delays_ms, percentile
from benchmarks.population import Population
from benchmarks.standstill import standstills
from benchmarks.subscriber import Seen
from benchmarks.watcher import split_events, split_frames
from schemas.codec import validate
from schemas.connection import ConnectionEvent
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.vocabulary import Cause, RegistrationKind, Status

KINDS = RegistrationKind


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100), (0.001, 1)]
)
def test_percentiles_are_by_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected


def test_delays_are_reported_in_milliseconds() -> None:
    delays = delays_ms([0.004, 0.001, 0.0025])
    assert delays == {"count": 3, "p50_ms": 2.5, "p99_ms": 4.0, "p99_9_ms": 4.0, "max_ms": 4.0}
    with pytest.raises(ValueError, match="no delay"):
        delays_ms([])


def test_a_users_events_are_in_order_and_half_of_them_change_presence() -> None:
    users, events = 8, 400
    lives: dict[int, list[KINDS]] = {}
    for index in range(events):
        if event := load.event_of(index, users):
            lives.setdefault(event[0], []).append(event[1])
    assert len(lives) == users
    for life in lives.values():
        assert all(a is b for a, b in zip(life, itertools.cycle(load.CYCLE), strict=False))
    assert {load.event_of(index, users) is None for index in range(3 * users, events)} == {False}
    changes, reachable = load.outcome(events, users)
    assert changes == sum(k is not KINDS.REFRESHED for life in lives.values() for k in life)
    assert reachable == {n: life[-1] is not KINDS.UNREGISTERED for n, life in lives.items()}


def test_an_events_id_has_its_due_time() -> None:
    _, value, _ = Population(3).registration(1, KINDS.REGISTERED, load.mark_of(1_500_000_000))
    assert load.due_of([validate(RegistrationEvent, value).id, "older"]) == 1.5
    assert load.due_of(["fs1:boot-1:7"]) is None


def test_a_roll_has_each_version_and_the_user_of_it() -> None:
    roll = Roll(Population(7))
    newest = dict.fromkeys((roll.population.aor(n) for n in range(7)), 1)
    for index in range(25):
        aor, value, _ = roll.record(roll.user_of(index), roll.version_of(index), "first")
        presence = validate(Presence, value)
        assert (presence.aor, presence.version) == (aor, newest[aor] + 1)
        newest[aor] += 1
        assert roll.newest(index + 1) == newest


def test_watchers_read_events_and_frames_in_any_pieces() -> None:
    texts = [b'{"event":"live"}', b'{"aor":"' + b"x" * 200 + b'"}', b"{" + b" " * 70_000 + b"}"]
    events = b"retry: 1\n\n" + b"".join(b"3f\r\nid: 1\ndata: %s\n\n\r\n" % t for t in texts)
    frame = Frame(Opcode.PING, b"1234").serialize(mask=False)
    frames = frame + b"".join(Frame(Opcode.TEXT, t).serialize(mask=False) for t in texts)
    for split, data in ((split_events, events), (split_frames, frames)):
        for size in (1_000, 7, len(data)):
            found, rest = [], b""
            for at in range(0, len(data), size):
                whole, rest = split(rest + data[at : at + size])
                found += whole
            assert found == texts


def test_a_populations_records_are_valid_and_distinct() -> None:
    population = Population(100)
    rounds = [*population.registrations(range(100)), *population.refreshes(200)]
    events = [validate(RegistrationEvent, value) for _, value, _ in rounds]
    assert len({event.id for event in events}) == 300
    assert {event.aor for event in events[:100]} == {event.aor for event in events[100:200]}
    assert {event.aor for event in events[100:200]} == {event.aor for event in events[200:]}
    assert [key for key, _, _ in rounds] == [event.aor for event in events]
    with_cookie = [e for e in events[:100] if e.transport and e.transport.is_connection]
    assert len({(e.node, e.cookie) for e in with_cookie}) == len(with_cookie) == 60
    key, value, _ = population.close(7)
    close = validate(ConnectionEvent, value)
    assert (close.connection, close.cookie, close.remote) == (key, 8, events[7].remote)


def _record(partition: int) -> Seen:
    return Seen(
        aor="sip:ann@example.others",
        version=1,
        status=Status.ONLINE,
        reachable=True,
        cause=Cause.REGISTERED,
        evidence=[],
        partition=partition,
    )


def test_a_standstill_is_each_partitions_longest_gap() -> None:
    records = [(at, _record(0)) for at in (0.5, 1.0, 4.0, 9.5)] + [(2.0, _record(1))]
    assert standstills(records, 3, 0.0, 10.0) == [5.5, 8.0, 10.0]


@pytest.mark.parametrize(
    ("name", "old", "new", "ratio"),
    [
        ("scale.at.10000.refreshes_per_second", 40_000, 20_000, 2.0),
        ("scale.at.10000.cpu_us_per_refresh", 10, 25, 2.5),
        ("latency.socket_close.p99_ms", 20, 60, 3.0),
        ("latency.socket_close.p50_ms", 1, 4, 1.0),  # below the resolution
        ("throughput.rollcall", 50_000, 100_000, 0.5),
        ("storm.closes.published_s", 1, 9, None),  # of the benchmark's load, not of Rollcall
        ("latency.socket_close.count", 1, 9, None),
    ],
)
def test_a_regression_is_a_ratio(name: str, old: float, new: float, ratio: float | None) -> None:
    assert comparison.worse_by(name, old, new) == ratio


def test_regressions_are_of_common_figures_worst_first() -> None:
    old = {"a": {"x_s": 1.0, "y_s": 1.0, "z_s": 1.0}}
    new = {"a": {"x_s": 2.0, "y_s": 4.0, "z_s": 1.1, "fresh_s": 9.0}}
    found = comparison.regressions(old, new, 1.5)
    assert [(one.name, one.ratio) for one in found] == [("a.y_s", 4.0), ("a.x_s", 2.0)]


def test_the_page_shows_figures_failures_and_targets() -> None:
    document: dict[str, Any] = {
        "command": "python -m benchmarks --all",
        "date": "2026-01-31",
        "small": False,
        "machine": {"processor": "a processor", "cores": 2},
        "versions": {"kafka": "4.3.1"},
        "benchmarks": {
            "latency": {"socket_close": {"p50_ms": 8.5, "p99_ms": 51.0}, "cores": 2},
            "scale": {"worker_mb": 800.4, "at": {"10": {"m_mb": 1}, "20": {"m_mb": 2}}},
            "storm": {"failed": "exit status 1"},
        },
    }
    page = report.render(document)
    assert "| command | `python -m benchmarks --all` |" in page
    assert "| versions | kafka 4.3.1 |" in page
    assert "p50 ms | ≤ 10 | 8.5 | yes |" in page
    assert "p99 ms | ≤ 40 | 51 | **no**, 1.27 times short |" in page
    assert "| MB of a worker with a million users | ≤ 850 | 800.4 | yes |" in page
    assert "| not measured |" in page
    assert "| `at.10` | 1 |\n| `at.20` | 2 |" in page
    assert "Failed: exit status 1" in page
    assert "## Targets" not in report.render(document | {"small": True})
