"""`python -m benchmarks.gateway_start`: when a gateway of many users is ready, and its memory.

The last line is one JSON object. A user without its record ends the run with an error.
"""

import argparse
import time

import httpx

from benchmarks.changes import Roll
from benchmarks.figures import finish
from benchmarks.population import Population
from benchmarks.process import cpu_seconds, memory_mb
from benchmarks.scene import NotReached, Scene, progress
from schemas.topics import PRESENCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    options = parser.parse_args()
    population = Population(options.users)
    with Scene() as scene:
        progress(f"{options.users:,} users...")
        scene.send(PRESENCE, Roll(population).first())
        began = time.monotonic()
        stage = scene.stage("gateway", ROLLCALL_GATEWAY_PORT="0")
        ready_s, pid, status = time.monotonic() - began, stage.pid or 0, stage.status()
        last = population.aor(options.users - 1)
        found = httpx.get(f"{status['url']}/presence/{last}", trust_env=False)
        if status["users"] != options.users or found.json()["aor"] != last:
            raise NotReached(f"{status['users']} users; of the last one {found.text[:200]}")
        finish(
            {
                "users": options.users,
                "ready_s": round(ready_s, 1),
                "cpu_s": round(cpu_seconds(pid), 1),
                "gateway_mb": memory_mb(pid),
                "wrong": 0,
            }
        )


if __name__ == "__main__":
    main()
