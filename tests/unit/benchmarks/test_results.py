"""The benchmark refuses wrong results, and computes rates from what was written when."""

import pytest

from benchmarks.dataset import Expected
from benchmarks.loading import Input
from benchmarks.results import WrongResult, check_copies, check_presence, rate
from benchmarks.running import Cost
from benchmarks.subscriber import Seen
from benchmarks.throughput import Measured, report
from schemas.vocabulary import Cause, Status

ANN, BOB = "sip:ann@example.net", "sip:bob@example.net"


@pytest.fixture
def loaded() -> Input:
    expected = Expected(
        status={ANN: Status.OFFLINE, BOB: Status.ONLINE}, last={ANN: "2", BOB: "3"}, changes=3
    )
    return Input("topic", expected=expected)


def seen(aor: str, version: int, status: Status) -> Seen:
    return Seen(
        aor=aor,
        version=version,
        status=status,
        reachable=status is not Status.OFFLINE,
        cause=Cause.REGISTERED,
        evidence=[],
    )


RIGHT = [
    seen(ANN, 1, Status.ONLINE),
    seen(BOB, 1, Status.ONLINE),
    seen(ANN, 2, Status.OFFLINE),
]


def test_a_right_result_is_accepted(loaded: Input) -> None:
    check_presence(loaded, RIGHT)


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (RIGHT[:2], "wrong for 1 of 2"),
        (RIGHT[:1] + RIGHT[2:], "wrong for 1 of 2"),
        ([*RIGHT, seen(BOB, 2, Status.ONLINE)], "4 presence records for 3 changes"),
        ([*RIGHT, seen(BOB, 1, Status.ONLINE)], "version 1 after"),
        ([], "wrong for 2 of 2"),
    ],
)
def test_a_wrong_result_is_refused(loaded: Input, records: list[Seen], why: str) -> None:
    with pytest.raises(WrongResult, match=why):
        check_presence(loaded, records)


def test_lost_and_reordered_copies_are_refused(loaded: Input) -> None:
    loaded.expected.events = 3
    check_copies(loaded, [(ANN, "1"), (BOB, "3"), (ANN, "2")])
    with pytest.raises(WrongResult, match="2 records for 3 events"):
        check_copies(loaded, [(BOB, "3"), (ANN, "2")])
    with pytest.raises(WrongResult, match="last record"):
        check_copies(loaded, [(ANN, "2"), (BOB, "3"), (ANN, "1")])


def test_rate_leaves_out_the_warm_up_and_counts_events_without_records(loaded: Input) -> None:
    # 1,000 events in two partitions; every tenth of each leaves a record, 10 ms apart, after a
    # start of 5 s.
    loaded.expected.events = 1_000
    loaded.positions = {f"{p}:{o}": (p, o) for p in (0, 1) for o in range(9, 500, 10)}
    proofs = [
        (5_000 + offset + 1, [f"{partition}:{offset}"])
        for partition, offset in loaded.positions.values()
    ]
    assert rate(loaded, [(0, ["0:9"]), *proofs[1:]]) == pytest.approx(2_000, rel=0.01)


def test_a_rate_of_records_of_one_moment_is_refused(loaded: Input) -> None:
    loaded.expected.events = 1
    loaded.positions = {"1": (0, 0)}
    with pytest.raises(WrongResult, match="have one time"):
        rate(loaded, [(7, ["1"])])


def test_report_starts_with_the_rates(loaded: Input) -> None:
    cost = Cost(wall_seconds=2.0, cpu_seconds=1.0)
    measured = {
        "rollcall": Measured(50_000.4, 1_000, cost),
        "plain_faust": Measured(2_000.0, 100, cost),
    }
    answer = report(measured, loaded, users=2)
    assert list(answer)[:2] == ["rollcall", "plain_faust"]
    assert answer["rollcall"] == 50_000
    assert answer["rollcall_over"] == {"plain_faust": 25.0}
    assert answer["cpu_us_per_event"] == {"rollcall": 1_000.0, "plain_faust": 10_000.0}
