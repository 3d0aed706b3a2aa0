"""Many scripts at once: grouped by option set, several in flight at each server."""

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.registrars import generating
from tests.registrars.playing import Outcome, Player
from tests.registrars.registrar import Registrar, without_periodic_listings
from tests.registrars.script import Script

AT_ONCE = 6  # servers
IN_FLIGHT = 12  # scripts at each


@dataclass(slots=True)
class Summary:
    """Of a whole run; `wrong` are its wrong steps' outcomes."""

    registrar: str
    steps: int = 0
    refused: int = 0
    wrong: list[Outcome] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        seeds = [outcome.seed for outcome in self.wrong]
        return {
            "registrar": self.registrar,
            "steps": self.steps,
            "wrong": len(seeds),
            "seeds": seeds,
        }


def script_of(kind: type[Any], seed: int) -> Script:
    """The script of one seed at this kind of registrar."""
    sets = kind.OPTION_SETS
    profiles = [one.profiles for one in sets]
    traits: Any = kind
    return generating.generate(seed, len(sets), profiles, traits)


def scripts(kind: type[Any], seed: int, count: int) -> list[Script]:
    """Scripts of at least `count` steps in all, each of a seed of its own."""
    rng = Random(f"run-{seed}")
    found: list[Script] = []
    steps = 0
    while steps < count:
        script = script_of(kind, rng.randrange(10**9))
        found.append(script)
        steps += len(script.steps)
    return found


def run(
    kind: type[Any], chosen: Sequence[Script], log: Callable[[str], None] = lambda _: None
) -> Summary:
    """Play these scripts, one server after the other."""
    summary = Summary(kind.__name__.lower())
    groups: dict[int, list[Script]] = defaultdict(list)
    for script in chosen:
        groups[script.options].append(script)
    with (
        without_periodic_listings(),
        tempfile.TemporaryDirectory(prefix="rollcall-registrars-") as folder,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        lock = threading.Lock()

        def play(options: int) -> None:
            began = time.monotonic()
            registrar = kind(Path(folder) / str(options), kind.OPTION_SETS[options])
            try:
                outcomes = _play(registrar, groups[options])
            finally:
                registrar.stop()
            with lock:
                _count(summary, outcomes)
                _report(log, kind.OPTION_SETS[options].name, outcomes, time.monotonic() - began)

        for _ in pool.map(play, sorted(groups)):
            pass  # raises what ended one
    return summary


def _report(
    log: Callable[[str], None], name: str, outcomes: Sequence[Outcome], seconds: float
) -> None:
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    steps = sum(outcome.steps for outcome in outcomes)
    log(f"{name}: {steps} steps, {len(wrong)} wrong, {seconds:.1f} s")
    for outcome in wrong:
        log("\n    ".join([f"  {outcome.seed}", *outcome.wrong]))


def _count(summary: Summary, outcomes: Sequence[Outcome]) -> None:
    summary.steps += sum(outcome.steps for outcome in outcomes)
    summary.refused += sum(outcome.refused for outcome in outcomes)
    summary.wrong += [outcome for outcome in outcomes if outcome.wrong]


def _play(registrar: Registrar, chosen: Sequence[Script]) -> list[Outcome]:
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return list(pool.map(lambda script: Player(script, registrar).play(), chosen))
