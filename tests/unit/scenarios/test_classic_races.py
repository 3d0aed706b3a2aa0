"""The small classic races, in every order in which their records may come.

A simulated cluster acts (tests/histories); each source keeps its order in a topic, and beyond that
every interleaving is played. Whatever comes first, all end at the truth, and none on a false cause.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from streams.settings import NO_GRACE
from tests.histories.checker import Checker
from tests.histories.facts import EDGE, REGISTRARS, Device
from tests.histories.history import pipeline_with
from tests.histories.interleaving import interleavings, streams
from tests.histories.troubles import TroubledCluster

FS1, FS2 = REGISTRARS


@dataclass
class Scene:
    """A cluster in which one client, or two, do something. `name`: it keeps its contact."""

    cluster: TroubledCluster
    edge: bool
    name: str | None

    def register(self, port: int, node: str = FS1, call: str = "one", user: str = "1001") -> Device:
        self.cluster.advance(5)
        return self.cluster.register(
            user, node, port, udp=False, edge=self.edge, call_id=f"{call}@phone", name=self.name
        )

    def close(self, device: Device, after: float = 5) -> None:
        self.cluster.advance(after)
        self.cluster.close(device)


def close_twice(scene: Scene) -> None:
    first = scene.register(5061)
    scene.close(first)
    scene.close(scene.register(5062))


def close_after_the_next_register(scene: Scene) -> None:
    first = scene.register(5061)
    scene.register(5062)
    scene.close(first)


def two_devices_and_one_crashes(scene: Scene) -> None:
    first = scene.register(5061, call="one")
    scene.name = None
    scene.register(5062, call="two")
    scene.close(first)


def to_another_node(scene: Scene) -> None:
    first = scene.register(5061, FS1)
    scene.register(5061 if not scene.edge else 5062, FS2)
    scene.close(first)


def the_port_is_used_again(scene: Scene) -> None:
    first = scene.register(5061, call="one")
    scene.close(first)
    scene.register(5061, call="two")


def the_port_is_used_again_by_another(scene: Scene) -> None:
    first = scene.register(5061)
    scene.close(first)
    scene.name = None
    scene.register(5061, call="two", user="1002")


def unregister_after_a_refresh(scene: Scene) -> None:
    device = scene.register(5061)
    scene.cluster.advance(5)
    scene.cluster.refresh(device)
    scene.cluster.unregister(device)
    scene.close(device, 0.01)


def unregister_and_come_back(scene: Scene) -> None:
    device = scene.register(5061)
    scene.cluster.unregister(device)
    scene.register(5062)
    scene.close(device, 0.01)


def a_restart_between(scene: Scene) -> None:
    scene.register(5061)
    scene.cluster.advance(5)
    scene.cluster.restart(EDGE if scene.edge else FS1)
    scene.register(5062)


def a_call_and_a_crash(scene: Scene) -> None:
    device = scene.register(5061)
    leg = scene.cluster.ring(device)
    scene.cluster.turn(leg)
    scene.cluster.hang_up(leg)
    scene.close(device, 0)


RACES: tuple[Callable[[Scene], None], ...] = (
    close_twice,
    close_after_the_next_register,
    two_devices_and_one_crashes,
    to_another_node,
    the_port_is_used_again,
    the_port_is_used_again_by_another,
    unregister_after_a_refresh,
    unregister_and_come_back,
    a_restart_between,
    a_call_and_a_crash,
)


@pytest.mark.parametrize("keeps_its_contact", [False, True], ids=["new contact", "same contact"])
@pytest.mark.parametrize("where", ["registrar", "reporting registrar", "edge"])
@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_every_order_ends_at_the_truth(
    race: Callable[[Scene], None], where: str, keeps_its_contact: bool
) -> None:
    cluster = TroubledCluster(chance=Random(1), reports_closes=where == "reporting registrar")
    born = len(cluster.reports)
    race(Scene(cluster, where == "edge", "browser" if keeps_its_contact else None))
    cluster.advance(5)
    acted = len(cluster.reports)
    cluster.advance(60)
    for name in REGISTRARS:
        cluster.list_node(name)
    played = 0
    for order in interleavings(streams(cluster.reports[born:acted])):
        checker = Checker(cluster, pipeline_with(NO_GRACE), late=float("inf"))
        for one in [*cluster.reports[:born], *order, *cluster.reports[acted:]]:
            checker.take(cluster.now, one)
        checker.conclude(NO_GRACE)
        checker.repeat(order)
        assert checker.wrong == [], [(one.source, one.event.kind, one.event.seq) for one in order]
        played += 1
    assert played > 1 or race is unregister_after_a_refresh
