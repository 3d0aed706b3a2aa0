"""`python -m benchmarks.alternating OTHER`: the worker of this checkout beside another one's.

OTHER is the root of another checkout. Both workers run on one broker, each in a namespace of its
own, and get the same load in turns of seconds: what else the machine does meets both. The last line
is one JSON object; `this_over_other` are the medians of the turns' ratios.
"""

import argparse
import os
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import broker, machine
from benchmarks.figures import delays_ms, finish
from benchmarks.latency import WARM_UP_SECONDS, warm_up
from benchmarks.load import Load, check, delays
from benchmarks.population import Population
from benchmarks.process import cpu_seconds
from benchmarks.scene import Scene, progress
from benchmarks.subscriber import Subscriber

THIS, OTHER = "this", "other"
FIGURES = ("p50_ms", "p99_ms", "cpu_us_per_event")


class Side:
    """One checkout's worker, with its scene and its subscriber."""

    def __init__(self, stack: ExitStack, root: Path) -> None:
        self.scene = stack.enter_context(Scene())
        worker = self.scene.stage("streams", PYTHONPATH=str(root))
        self.pid = worker.pid or 0
        self.reader = Subscriber(self.scene.kafka)
        stack.callback(self.reader.close)
        self.turns: list[dict[str, float]] = []

    def turn(self, rate: int, seconds: float) -> None:
        """One measured turn under load; each change of presence is checked."""
        number = len(self.turns)
        population, mark = Population(rate, group=f"turn{number}"), len(self.reader.seen)
        cpu, began = cpu_seconds(self.pid), time.monotonic()
        load = Load(self.scene.kafka, rate, population)
        time.sleep(WARM_UP_SECONDS + seconds)
        sent = load.stop()
        check(self.reader, mark, population, sent)
        spent = cpu_seconds(self.pid) - cpu
        read = delays(self.reader.since(mark, population.group))
        found = delays_ms(delay for due, delay in read if due >= began + WARM_UP_SECONDS)
        self.turns.append(found | {"cpu_us_per_event": round(spent * 1e6 / sent, 1)})


def compared(sides: dict[str, Side]) -> dict[str, Any]:
    """Each figure's median by side, and the median of its ratio in the same round."""
    result: dict[str, Any] = {
        name: {figure: median(turn[figure] for turn in side.turns) for figure in FIGURES}
        for name, side in sides.items()
    }
    pairs = list(zip(sides[THIS].turns, sides[OTHER].turns, strict=True))
    result["this_over_other"] = {
        figure: round(median(this[figure] / other[figure] for this, other in pairs), 2)
        for figure in FIGURES
    }
    return result | {"rounds": len(pairs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("--rate", type=int, default=1_000, help="events/s in a turn")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    others = machine.OthersWatch()
    with broker.shared() as environment, ExitStack() as stack:
        os.environ.update(environment)
        roots = {THIS: Path(__file__).parents[1], OTHER: arguments.other.resolve()}
        sides = {name: Side(stack, root) for name, root in roots.items()}
        for side in sides.values():
            warm_up(side.scene, side.reader, arguments.rate)
        for number in range(arguments.rounds):
            for name in (THIS, OTHER) if number % 2 else (OTHER, THIS):
                sides[name].turn(arguments.rate, arguments.seconds)
            progress(f"{ {name: side.turns[-1] for name, side in sides.items()} }")
        result = compared(sides)
    finish(result | {"cores_used_by_others": others.cores()})


if __name__ == "__main__":
    main()
