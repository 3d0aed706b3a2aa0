"""A prepared population: registered once through the pipeline, its Kafka kept for later runs."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.heartbeats import beating
from benchmarks.population import Population
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.subscriber import Subscriber
from schemas.topics import REGISTRATIONS

# A worker that folds more slowly has a fault: there is no figure then.
USERS_PER_SECOND_MIN = 2_000
_FILE = "population.json"


def register(scene: Scene, reader: Subscriber, population: Population, first: int) -> float:
    """Register the users from number `first` on; seconds until the last one's presence was read.

    Raises scene.NotReached.
    """
    group, more = population.group, population.users - first
    wanted, began = reader.reachable[group] + more, time.monotonic()
    scene.send(REGISTRATIONS, population.registrations(range(first, population.users)))
    seconds = 60 + more / USERS_PER_SECOND_MIN
    wait(lambda: reader.reachable[group] >= wanted, seconds, f"{population.users:,} users online")
    return time.monotonic() - began


def note(folder: Path, population: Population) -> None:
    """Write beside Kafka's data how many users it has, and until when their bindings last."""
    ends = time.time() + population.expires.total_seconds()
    (folder / _FILE).write_text(json.dumps({"users": population.users, "until": ends}))


def is_there(folder: Path, population: Population) -> bool:
    """Whether the folder's Kafka has these users, for another half hour at least."""
    try:
        known = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError):
        return False
    return bool(known["users"] == population.users and known["until"] > time.time() + 1800)


@contextmanager
def scene_with(population: Population, folder: Path | None) -> Iterator[Scene]:
    """A scene whose Kafka has the population and its tables; no worker runs yet."""
    if folder is not None and is_there(folder, population):
        progress(f"{population.users:,} users are in {folder} already")
        with Scene(folder) as scene:
            yield scene
        return
    if folder is not None:  # of a benchmark that failed
        shutil.rmtree(folder / "kafka", ignore_errors=True)
    with Scene(folder) as scene:
        progress(f"registering {population.users:,} users...")
        with beating(scene.kafka, population.node_names, population.boot):
            worker, reader = scene.stage("streams", "first"), Subscriber(scene.kafka)
            register(scene, reader, population, 0)
            worker.stop()
            reader.close()
        if folder is not None:
            note(folder, population)
        yield scene


def untouched(reader: Subscriber, population: Population) -> int:
    """How many are not as they registered, online with version 1: 0. Raises NotReached if any."""
    users = list(reader.users(population.group))
    wrong = [one for one in users if not one.reachable or one.version != 1]
    if wrong or len(users) != population.users:
        raise NotReached(f"{len(wrong)} of {len(users)} users wrong: {wrong[:3]}")
    return len(wrong)
