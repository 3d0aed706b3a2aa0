"""One history: acts drawn by a seed, what was said of them on its way, and the verdict."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count

from schemas import topics
from schemas.presence import Presence
from tests.histories.cluster import EDGE, REGISTRARS, Cluster, Device, Said
from tests.unit.pipeline import Pipeline

USERS = ("1001", "1002")
PORTS = (5061, 5062, 5063)  # few, so that they are used again
EDGE_PORTS = (5071, 5072, 5073)  # a client is either behind the edge or not
ACTS = 14


@dataclass
class Verdict:
    """`wrong` says in words what was wrong; empty when nothing was."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    published: list[Presence] = field(default_factory=list)


def play(seed: int) -> Verdict:
    """Draw, deliver, and compare with the truth."""
    chance = random.Random(seed)
    cluster = Cluster(chance, speaks=chance.random() < 0.3)
    for _ in range(ACTS):
        cluster.advance(chance.choice((0.0, 0.01, 0.3, 3.0, 30.0)))
        _act(cluster, chance)
    cluster.advance(60)
    acts = len(cluster.said)
    for name in REGISTRARS:
        cluster.take_stock(name)
    delivered = _deliver(cluster.said[:acts], chance)
    pipeline = Pipeline()
    for one in [*delivered, *cluster.said[acts:]]:
        pipeline.feed(one.topic, [(one.key, one.event)])
    verdict = Verdict(seed, said=cluster.said, published=list(pipeline.published))
    _check(verdict, cluster, pipeline)
    _check_repeats(verdict, pipeline, delivered)
    return verdict


def _act(cluster: Cluster, chance: random.Random) -> None:
    living = [d for d in cluster.devices if d.registered and d.alive]
    act = chance.random()
    if act < 0.35 or not living:
        _register(cluster, chance)
        return
    device = chance.choice(living)
    if act < 0.45:
        cluster.refresh(device)
    elif act < 0.55:
        cluster.unregister(device)
        if device.cookie is not None:
            cluster.advance(chance.choice((0.0, 0.01, 1.0)))
            cluster.close(device)
    elif act < 0.75 and device.cookie is not None:
        cluster.close(device)
    elif act < 0.87:
        _move(cluster, chance, device)
    elif act < 0.91 and device.cookie is None and not device.via_edge:
        cluster.expire(device)
    elif act < 0.95:
        cluster.take_stock(chance.choice(REGISTRARS))
    else:
        cluster.restart(chance.choice((*REGISTRARS, EDGE)))


def _register(cluster: Cluster, chance: random.Random) -> None:
    user, node = chance.choice(USERS), chance.choice(REGISTRARS)
    edge = chance.random() < 0.4
    udp = not edge and chance.random() < 0.3
    port = _free_port(cluster, chance, node, edge=edge)
    if port is not None:
        call_id = f"{len(cluster.devices)}@phone"
        cluster.register(user, node, port, udp=udp, edge=edge, call_id=call_id)


def _move(cluster: Cluster, chance: random.Random, device: Device) -> None:
    """The client comes anew from another port, with its Call-ID; the old connection may end."""
    port = _free_port(cluster, chance, device.node, edge=device.via_edge)
    if port is None:
        return
    udp = device.cookie is None
    cluster.register(
        device.user,
        device.node,
        port,
        udp=udp,
        edge=device.via_edge,
        call_id=device.call_id,
    )
    cluster.advance(chance.choice((0.0, 0.01, 1.0)))
    if not udp and chance.random() < 0.7:
        cluster.close(device)


def _free_port(cluster: Cluster, chance: random.Random, node: str, *, edge: bool) -> int | None:
    """A port that no living connection to the same server has."""
    server = EDGE if edge else node
    taken = {
        d.port
        for d in cluster.devices
        if d.alive
        and (d.registered or d.cookie is not None)
        and (EDGE if d.via_edge else d.node) == server
    }
    free = [port for port in (EDGE_PORTS if edge else PORTS) if port not in taken]
    return chance.choice(free) if free else None


def _deliver(said: list[Said], chance: random.Random) -> list[Said]:
    """In the order of arrival: each source in its own order, sources late by chance, some twice."""
    sources = sorted({one.source for one in said})
    late = {source: chance.choice((0.0, 0.0, 0.02, 1.0)) for source in sources}
    twice = chance.random() < 0.3
    order = count()
    queue: list[tuple[float, int, Said]] = []
    for one in said:
        arrival = one.at + late[one.source]
        heapq.heappush(queue, (arrival, next(order), one))
        if twice and chance.random() < 0.2:  # a producer that was killed says it again
            heapq.heappush(queue, (arrival + chance.choice((0.0, 2.0, 40.0)), next(order), one))
    return [heapq.heappop(queue)[2] for _ in range(len(queue))]


def _check(verdict: Verdict, cluster: Cluster, pipeline: Pipeline) -> None:
    last = {presence.aor: presence for presence in pipeline.published}
    truth = cluster.reachable()
    for aor in sorted({*last, *truth}):
        presence = last.get(aor)
        shown = (
            {(b.node, b.remote.port) for b in presence.bindings if b.remote} if presence else set()
        )
        if shown != truth.get(aor, set()):
            verdict.wrong.append(f"{aor}: shown at {sorted(shown)}, is at {truth.get(aor)}")
        if presence is not None and presence.reachable != bool(shown):
            verdict.wrong.append(f"{aor}: reachable {presence.reachable} at {sorted(shown)}")
    versions: dict[str, int] = {}
    for presence in pipeline.published:
        before = versions.get(presence.aor, 0)
        if presence.version != before + 1:
            verdict.wrong.append(f"{presence.aor}: version {presence.version} after {before}")
        versions[presence.aor] = presence.version
        if presence.cause not in cluster.causes.get(presence.aor, set()):
            verdict.wrong.append(f"{presence.aor}: {presence.cause} never happened")
    if pipeline.dead_letters:
        verdict.wrong.append(f"{len(pipeline.dead_letters)} dead letters")


def _check_repeats(verdict: Verdict, pipeline: Pipeline, delivered: list[Said]) -> None:
    """All of it again, after the end: nothing may change."""
    before = len(pipeline.published)
    for one in delivered:
        if one.topic is not topics.NODES:
            pipeline.feed(one.topic, [(one.key, one.event)])
    for presence in pipeline.published[before:]:
        verdict.wrong.append(f"repeated events changed {presence.aor}: {presence.cause}")
