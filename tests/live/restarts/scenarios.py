"""What is ended in a scenario, how, and which of the phones are there afterwards."""

from dataclasses import dataclass
from typing import Literal

Where = Literal["registrar", "edge"]
Cluster = Literal["freeswitch", "opensips", "edge"]
How = Literal["kill", "stop"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`server` is ended by SIGKILL (`kill`) or SIGTERM (`stop`); None: it goes on.

    `producers` are killed before that, with their kernel watchers where `blind`, and are back after
    the server is.
    """

    name: str
    cluster: Cluster
    server: Where | None = None
    how: How = "kill"
    producers: tuple[Where, ...] = ()
    blind: bool = False


def _both(
    name: str, cluster: Cluster, server: Where, producers: tuple[Where, ...] = ()
) -> list[Scenario]:
    signals: list[tuple[str, How]] = [("TERM", "stop"), ("KILL", "kill")]
    return [Scenario(f"{name}, {text}", cluster, server, how, producers) for text, how in signals]


SCENARIOS = (
    Scenario("edge's producer", "edge", producers=("edge",)),
    Scenario("edge's producer and watcher", "edge", producers=("edge",), blind=True),
    *_both("OpenSIPS as edge", "edge", "edge"),
    *_both("OpenSIPS as registrar", "opensips", "registrar"),
    *_both("FreeSWITCH", "freeswitch", "registrar"),
    *_both("FreeSWITCH and its producer", "freeswitch", "registrar", producers=("registrar",)),
    *_both("FreeSWITCH behind an edge", "edge", "registrar"),
    *_both(
        "FreeSWITCH behind an edge and its producer", "edge", "registrar", producers=("registrar",)
    ),
)
