"""Hypothesis chooses what happens in a cluster and whose next report comes, however late.

Each source keeps its order in a topic; there is no other bound on the order of arrival. The checks
are those of generated histories (tests/histories/checker.py) but for the time that reports take.
"""

from collections import deque
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.batches.leases import Leases
from streams.batches.partition_state import PartitionState
from streams.settings import NO_GRACE
from tests.histories.checker import Checker
from tests.histories.facts import EDGE, REGISTRARS, Device
from tests.histories.reports import START, Report, Reporter
from tests.histories.troubles import TroubledCluster
from tests.unit.pipeline import Pipeline

DAY = timedelta(days=1)
PORTS = {False: (5061, 5062), True: (5071, 5072)}  # by whether behind the edge
NODES = st.sampled_from((*REGISTRARS, EDGE))
INDEX = st.integers(min_value=0, max_value=7)


class ClusterAndFolds(RuleBasedStateMachine):
    """One user, up to a few devices, two registrars and an edge."""

    @initialize(reports_closes=st.booleans(), ticks=st.booleans())
    def begin(self, reports_closes: bool, ticks: bool) -> None:
        nodes = {name: Reporter(name, ticks=ticks and name != EDGE) for name in (*REGISTRARS, EDGE)}
        self.cluster = TroubledCluster(chance=Random(1), reports_closes=reports_closes, nodes=nodes)
        state = PartitionState(0, {}, {}, timedelta(seconds=35))
        self.pipeline = Pipeline(state=state, leases=Leases(DAY, DAY), now=START)
        self.checker = Checker(self.cluster, self.pipeline, late=float("inf"))
        self.under_way: dict[tuple[str, str], deque[Report]] = {}
        self.come: list[Report] = []
        self.seen = 0

    # -- what happens -----------------------------------------------------------------------------

    @rule(
        node=st.sampled_from(REGISTRARS),
        port=st.sampled_from((0, 1)),
        udp=st.booleans(),
        edge=st.booleans(),
        named=st.booleans(),
    )
    def register(self, node: str, port: int, udp: bool, edge: bool, named: bool) -> None:
        number = PORTS[edge][port]
        server = EDGE if edge else node
        if any(d.alive and d.server == server and d.port == number for d in self.cluster.devices):
            return
        count = len(self.cluster.devices)
        self.cluster.advance(1)
        self.cluster.register(
            "1001",
            node,
            number,
            udp=udp and not edge,
            edge=edge,
            call_id=f"{count}@phone",
            name=f"browser{count}" if named else None,
        )

    @precondition(lambda self: self.cluster.reachable())
    @rule(which=INDEX)
    def refresh(self, which: int) -> None:
        self.cluster.advance(1)
        self.cluster.refresh(self._living(which))

    @precondition(lambda self: self.cluster.reachable())
    @rule(which=INDEX)
    def unregister(self, which: int) -> None:
        self.cluster.advance(1)
        self.cluster.unregister(self._living(which))

    @rule(which=INDEX)
    def close(self, which: int) -> None:
        connected = [d for d in self.cluster.devices if d.alive and d.cookie is not None]
        if connected:
            self.cluster.close(connected[which % len(connected)])

    @precondition(lambda self: self.cluster.reachable())
    @rule(which=INDEX)
    def move(self, which: int) -> None:
        """The client comes anew from its other port, with its Call-ID."""
        device = self._living(which)
        port = next(port for port in PORTS[device.via_edge] if port != device.port)
        taken = [d for d in self.cluster.devices if d.alive and d.server == device.server]
        if all(d.port != port for d in taken):
            self.cluster.advance(1)
            self.cluster.register(
                device.user,
                device.node,
                port,
                udp=device.cookie is None,
                edge=device.via_edge,
                call_id=device.call_id,
                name=device.name,
            )

    @precondition(lambda self: self.cluster.reachable())
    @rule(which=INDEX)
    def call(self, which: int) -> None:
        legs = self.cluster.legs
        if not legs:
            self.cluster.ring(self._living(which))
        elif which % 2:
            self.cluster.turn(legs[which % len(legs)])
        else:
            self.cluster.hang_up(legs[which % len(legs)])

    @rule(node=NODES)
    def restart(self, node: str) -> None:
        self.cluster.restart(node)

    @rule(node=st.sampled_from(REGISTRARS))
    def list_node(self, node: str) -> None:
        self.cluster.advance(3)
        self.cluster.list_node(node)

    # -- what comes -------------------------------------------------------------------------------

    @rule(which=INDEX, count=st.integers(min_value=1, max_value=6))
    def comes(self, which: int, count: int) -> None:
        self._collect()
        waiting = [stream for _, stream in sorted(self.under_way.items()) if stream]
        if waiting:
            stream = waiting[which % len(waiting)]
            for _ in range(min(count, len(stream))):
                self._come(stream.popleft())

    @rule()
    def comes_again(self) -> None:
        self.checker.repeat(self.come)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.checker.wrong == []

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        self._collect()
        for _, stream in sorted(self.under_way.items()):
            while stream:
                self._come(stream.popleft())
        self.cluster.advance(60)
        for name in REGISTRARS:
            self.cluster.list_node(name)
        for one in self.cluster.reports[self.seen :]:
            self._come(one)
        self.checker.conclude(NO_GRACE)
        self.checker.repeat(self.come)
        assert self.checker.wrong == []

    def _living(self, which: int) -> Device:
        living = [d for d in self.cluster.devices if d.registered and d.alive]
        return living[which % len(living)]

    def _collect(self) -> None:
        for one in self.cluster.reports[self.seen :]:
            self.under_way.setdefault((one.source, one.topic.name), deque()).append(one)
        self.seen = len(self.cluster.reports)

    def _come(self, one: Report) -> None:
        self.come.append(one)
        self.checker.take(self.cluster.now, one)


TestClusterAndFolds = ClusterAndFolds.TestCase
TestClusterAndFolds.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
