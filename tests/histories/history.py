"""One history: acts drawn by a seed, their reports on the way, and what was wrong at the end."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas.presence import Presence
from streams.batches.leases import Leases
from streams.batches.partition_state import PartitionState
from tests.histories.checker import Checker
from tests.histories.cluster import OVERDUE
from tests.histories.delivery import deliver
from tests.histories.facts import EDGE, REGISTRARS, Device
from tests.histories.reports import START, Report, Reporter
from tests.histories.troubles import TroubledCluster
from tests.unit.pipeline import Pipeline
from tests.unit.twins import Twins

USERS = ("1001", "1002")
PORTS = (5061, 5062, 5063)  # few, so that they are used again
EDGE_PORTS = (5071, 5072, 5073)  # a client is either behind the edge or not
ACTS = 14
LEASE = timedelta(seconds=300)
SKEWS = (0.0, 0.0, 0.0, 0.02, -0.02, 0.05, -0.05)  # seconds, of a node's clock


@dataclass
class History:
    """`wrong` describes what was wrong; empty when nothing was."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    reports: list[tuple[float, Report]] = field(default_factory=list)
    published: list[Presence] = field(default_factory=list)
    short: int = 0  # refreshes that were written in short


@dataclass
class Scene:
    """A history after its end: the cluster, and the folds that got its reports."""

    cluster: TroubledCluster
    pipeline: Pipeline
    checker: Checker
    reports: list[tuple[float, Report]]


def play(seed: int, *, refreshing: bool = False) -> History:
    """Draw, deliver, and compare with the truth; what came then comes again.

    `refreshing`: most acts are refreshes, as in life, and the reports are folded twice: with
    refreshes written in short, and with all sessions written whole. Both must come to the same.
    """
    scene = play_scene(seed, refreshing=refreshing)
    scene.checker.repeat([report for _, report in scene.reports])
    pipeline, history = scene.pipeline, History(seed, scene.checker.wrong, scene.reports)
    history.published = list(pipeline.published)
    if isinstance(pipeline, Twins):
        history.wrong += pipeline.different[:1]
        history.short = pipeline.short
    return history


def play_scene(seed: int, *, refreshing: bool = False) -> Scene:
    """Draw and deliver; at last each registrar is listed once."""
    chance = random.Random(f"refreshing {seed}" if refreshing else seed)
    cluster = draw(chance, refreshing=refreshing)
    acts = len(cluster.reports)
    cluster.beat()
    for name in (*REGISTRARS, EDGE):
        cluster.list_node(name)
    delivery = deliver(cluster.reports[:acts], chance)
    grace = timedelta(seconds=chance.choice((0, 0, 20)))
    pipeline = pipeline_with(grace, twins=refreshing)
    checker = Checker(cluster, pipeline, delivery.late)
    cut = chance.randrange(len(delivery.records)) if chance.random() < 0.2 else None
    for number, (at, one) in enumerate(delivery.records):
        checker.take(at, one)
        if number == cut:
            checker.repeat([report for _, report in delivery.records[: number + 1]])
    end = max(cluster.now, delivery.records[-1][0])
    last = [(end, one) for one in cluster.reports[acts:]]
    for at, one in last:
        checker.take(at, one)
    checker.conclude(grace)
    return Scene(cluster, pipeline, checker, [*delivery.records, *last])


def pipeline_with(grace: timedelta, *, twins: bool = False) -> Pipeline:
    if twins:
        return Twins(**_parts(grace, short=True), whole=Pipeline(**_parts(grace, short=False)))
    return Pipeline(**_parts(grace, short=True))


def _parts(grace: timedelta, *, short: bool) -> dict[str, Any]:
    slack = timedelta(seconds=35)
    state = PartitionState(0, {}, {}, slack, lambda _: grace, short_refreshes=short)
    return {"state": state, "leases": Leases(LEASE, LEASE), "now": START}


def draw(chance: random.Random, *, refreshing: bool = False) -> TroubledCluster:
    """A cluster that some acts have happened to; all troubles are over."""
    nodes = {
        name: Reporter(
            name, skew=chance.choice(SKEWS), ticks=name != EDGE and chance.random() < 0.5
        )
        for name in (*REGISTRARS, EDGE)
    }
    cluster = TroubledCluster(
        chance=chance,
        reports_closes=chance.random() < 0.3,
        shares=chance.random() < 0.2,
        nodes=nodes,
    )
    for _ in range(ACTS):
        cluster.advance(chance.choice((0.0, 0.01, 0.3, 3.0, 30.0)))
        act(cluster, chance)
        if refreshing:
            _refresh_some(cluster, chance)
    for name in list(cluster.troubled()):
        cluster.end_trouble(name)
    for name in sorted(cluster.unnamed):
        cluster.identify(name)
    for name in sorted(cluster.down):
        cluster.start(name)
    for listing in list(cluster.listings):
        cluster.finish_listing(listing)
    cluster.advance(2 * OVERDUE)
    return cluster


def _living(cluster: TroubledCluster) -> list[Device]:
    return [
        device
        for device in cluster.devices
        if device.registered
        and device.alive
        and not device.left
        and device.node not in cluster.down
    ]


def act(cluster: TroubledCluster, chance: random.Random) -> None:
    """One thing that happens."""
    living = _living(cluster)
    if cluster.unnamed and chance.random() < 0.3:
        cluster.identify(chance.choice(sorted(cluster.unnamed)))
    what = chance.random()
    if what < 0.3 or not living:
        _register(cluster, chance)
        return
    device = chance.choice(living)
    if what < 0.38:
        cluster.refresh(device)
    elif what < 0.47:
        cluster.unregister(device)
        cluster.advance(chance.choice((0.0, 0.01, 1.0)))
        _close_all(cluster, [d for d in cluster.devices if d.call_id == device.call_id])
    elif what < 0.62:
        _close(cluster, chance)
    elif what < 0.73:
        _move(cluster, chance, device)
    elif what < 0.76 and device.cookie is None:
        cluster.expire(device)
    elif what < 0.86:
        _call(cluster, chance, device)
    else:
        _trouble(cluster, chance)


def _refresh_some(cluster: TroubledCluster, chance: random.Random) -> None:
    """Some clients renew their bindings, some of them several times."""
    for _ in range(chance.choice((0, 1, 3, 6))):
        living = _living(cluster)
        if not living:
            return
        cluster.refresh(chance.choice(living))
        cluster.advance(chance.choice((0.0, 0.01, 3.0, 300.0)))


def _close(cluster: TroubledCluster, chance: random.Random) -> None:
    """A client crashes, or leaves a connection that it has registered over before."""
    open_ = [d for d in cluster.devices if d.alive and d.cookie is not None]
    if not open_:
        return
    device = chance.choice(open_)
    if device.left:
        cluster.close(device)
    else:
        _close_all(cluster, [d for d in cluster.devices if d.call_id == device.call_id])


def _close_all(cluster: TroubledCluster, devices: list[Device]) -> None:
    """With the client, or when it moves on, all connections go that it had."""
    for one in devices:
        if one.alive and one.cookie is not None:
            cluster.close(one)


def _register(cluster: TroubledCluster, chance: random.Random) -> None:
    running = [name for name in REGISTRARS if name not in cluster.down]
    if not running:
        return
    user, node = chance.choice(USERS), chance.choice(running)
    edge = chance.random() < 0.4
    udp = not edge and chance.random() < 0.3
    port = _free_port(cluster, chance, node, edge=edge)
    if port is not None:
        number = len(cluster.devices)
        name = f"browser{number}" if not udp and chance.random() < 0.4 else None
        call_id = f"{number}@phone"
        cluster.register(user, node, port, udp=udp, edge=edge, call_id=call_id, name=name)


def _move(cluster: TroubledCluster, chance: random.Random, device: Device) -> None:
    """The client comes anew from another port, with its Call-ID; the old connection may end."""
    switches = chance.random() < 0.3 and not cluster.shares
    running = [name for name in REGISTRARS if name not in cluster.down]
    node = chance.choice(running) if switches else device.node
    port = _free_port(cluster, chance, node, edge=device.via_edge)
    if port is None:
        return
    udp = device.cookie is None
    device.left = switches
    before = [d for d in cluster.devices if d.call_id == device.call_id]
    cluster.register(
        device.user,
        node,
        port,
        udp=udp,
        edge=device.via_edge,
        call_id=device.call_id,
        name=device.name,
    )
    cluster.advance(chance.choice((0.0, 0.01, 1.0)))
    if chance.random() < 0.7:
        _close_all(cluster, before)


def _call(cluster: TroubledCluster, chance: random.Random, device: Device) -> None:
    if device.node in cluster.unnamed:
        return  # ended with the process that its events name; no leg comes back from that
    legs = [leg for leg in cluster.legs if leg.aor == device.aor]
    if not legs or chance.random() < 0.3:
        cluster.ring(device)
    elif chance.random() < 0.6:
        cluster.turn(chance.choice(legs))
    else:
        cluster.hang_up(chance.choice(legs))


def _trouble(cluster: TroubledCluster, chance: random.Random) -> None:
    what, troubled = chance.random(), list(cluster.troubled())
    running = [name for name in REGISTRARS if name not in cluster.down]
    if troubled and what < 0.5:
        cluster.end_trouble(chance.choice(troubled))
    elif cluster.listings and what < 0.5:
        cluster.finish_listing(cluster.listings[0])
    elif what < 0.6 and running:
        name = chance.choice(running)
        if name not in cluster.unnamed:
            cluster.begin_listing(name)
    elif what < 0.72:
        name = chance.choice((*running, EDGE))
        cluster.restart(name, named=what < 0.68 or not _may_be_unnamed(cluster, name))
    elif what < 0.8:
        _stop_or_start(cluster, chance)
    elif not troubled:
        name = chance.choice((*running, EDGE))
        if name in cluster.unnamed:
            return
        if chance.random() < 0.5:
            cluster.lose(name)
        else:
            cluster.disconnect(name)
        if chance.random() < 0.3:
            cluster.advance(2 * LEASE.total_seconds())


def _stop_or_start(cluster: TroubledCluster, chance: random.Random) -> None:
    """A registrar goes, or comes back; one that is cut off is left alone."""
    name = chance.choice(REGISTRARS)
    if name in cluster.down:
        cluster.start(name)
    elif name not in cluster.cut_off and name not in cluster.unnamed:
        cluster.stop(name)


def _may_be_unnamed(cluster: TroubledCluster, name: str) -> bool:
    """Whether its producer may miss a restart: FreeSWITCH, whose clock ticks, names its process in
    every event."""
    return not cluster.nodes[name].ticks and name not in cluster.cut_off


def _free_port(
    cluster: TroubledCluster, chance: random.Random, node: str, *, edge: bool
) -> int | None:
    """A port that no living connection to the same server has."""
    server = EDGE if edge else node
    taken = {
        d.port
        for d in cluster.devices
        if d.server == server
        and (d.registered or d.cookie is not None)
        # Listed, its end not reported, its port another's by now: nothing shows that it is dead.
        and (d.alive or cluster.cut_off.get(server))
    }
    free = [port for port in (EDGE_PORTS if edge else PORTS) if port not in taken]
    return chance.choice(free) if free else None
