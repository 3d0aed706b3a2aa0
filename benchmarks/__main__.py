"""`python -m benchmarks NAME…` or `--all`: run benchmarks one after another into one JSON file.

The file and the page are written again after each, so a run that ends early loses no figure. Each
runs in a process of its own, as with `python -m benchmarks.NAME`. Those without a Kafka of their
own share one. A benchmark that fails is recorded as failed, the others still run, and the exit
status is 1; it is 2 when a figure is more than `--tolerance` times worse than in
`--compare OLD.json`.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import broker, comparison, machine, report
from benchmarks.process import cpu_seconds
from benchmarks.scene import progress

# In this order: `recovery` uses the users that `scale` registered. The arguments are those of
# `--small`.
SMALL: dict[str, list[str]] = {
    "throughput": ["--events", "60000", "--users", "15000", "--slow-events", "5000"],
    "refreshing": ["--events", "60000", "--users", "3000"],
    "scale": ["--users", "30000", "--backlogs", "3", "--seconds", "8"],
    "recovery": ["--users", "30000"],
    "storm": ["--users", "10000", "--seconds", "10"],
    "latency": ["--seconds", "5", "--closes", "200"],
    "producers": ["--events", "20000", "--connections", "2000"],
    "sinks": ["--users", "10000"],
    "gateway": ["--subscribers", "500", "--users", "2500", "--seconds", "5"],
    "board": ["--users", "5000", "--seconds", "5"],
}
SHARED = ("scale", "recovery")
# These start Kafka themselves: the first two for all their peers, the others to keep its data.
OWN_KAFKA = ("throughput", "refreshing", *SHARED)
FAILED, WORSE = 1, 2


def run(name: str, arguments: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The object of a benchmark's last line, or `failed` and why.

    `environment` is added to this process's.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    progress(f"== {shlex.join(command[1:])}")
    began, others = time.monotonic(), machine.OthersWatch()
    shared, broker_cpu = environment.get(broker.SHARED), 0.0
    if shared:
        broker_cpu = cpu_seconds(int(shared.split()[1]))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    if done.returncode:
        return {"failed": f"exit status {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if shared:
        broker_cpu = cpu_seconds(int(shared.split()[1])) - broker_cpu
    return found | {
        "took_minutes": round((time.monotonic() - began) / 60, 1),
        "cores_used_by_others": others.cores(broker_cpu),
    }


def run_each(names: list[str], *, small: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and result of each benchmark, when it ends."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        shared_kafka: dict[str, str] = {}
        for name in names:
            arguments = list(SMALL[name]) if small else []
            if name in SHARED and set(SHARED) <= set(names):
                arguments += ["--folder", folder]
            if name not in OWN_KAFKA and not shared_kafka:
                progress("starting Kafka...")
                shared_kafka = stack.enter_context(broker.shared())
            yield name, run(name, arguments, {} if name in OWN_KAFKA else shared_kafka)


def main() -> int:
    options = _options()
    machine.prefer(os.getpid())
    names = list(SMALL) if options.all else [n for n in SMALL if n in options.names]
    before = json.loads(options.output.read_text()) if options.add else None
    results: dict[str, dict[str, Any]] = {}
    own = {
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "date": machine.today(),
        "small": options.small,
        "machine": machine.machine(),
        "versions": machine.versions(),
        "benchmarks": results,
    }
    document = own
    for name, found in run_each(names, small=options.small):
        results[name] = found
        document = added(own, before) if before else own
        _write(document, options)
    sys.stdout.write(f"{json.dumps(document)}\n")
    if any("failed" in found for found in results.values()):
        return FAILED
    return _compared(document, options) if options.compare else 0


def _write(document: dict[str, Any], options: argparse.Namespace) -> None:
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(document, indent=2) + "\n")
    if options.page:
        options.page.write_text(report.render(document))


def added(document: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A report of some benchmarks, with the results of the others from an earlier one."""
    found = before["benchmarks"] | document["benchmarks"]
    load = _then(before["machine"]["load_before"], document["machine"]["load_before"])
    return document | {
        "command": _then(before["command"], document["command"]),
        "date": _then(before["date"], document["date"]),
        "machine": document["machine"] | {"load_before": load},
        "benchmarks": {name: found[name] for name in SMALL if name in found},
    }


def _then(before: object, now: object) -> object:
    return now if before == now else f"{before}; then {now}"


def _compared(document: dict[str, Any], options: argparse.Namespace) -> int:
    old = json.loads(options.compare.read_text())
    worse = comparison.regressions(old["benchmarks"], document["benchmarks"], options.tolerance)
    for one in worse:
        progress(f"worse by {one.ratio:.2f}: {one.name} {one.old:g} -> {one.new:g}")
    progress(
        f"{len(worse)} figures more than {options.tolerance:g} times worse than {options.compare}"
    )
    return WORSE if worse else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *SMALL], help="which", metavar="NAME")
    parser.add_argument("--all", action="store_true", help=", ".join(SMALL))
    parser.add_argument("--small", action="store_true", help="few users and short runs")
    parser.add_argument("--output", type=Path, help="write the JSON here too")
    parser.add_argument("--add", action="store_true", help="keep the other benchmarks of --output")
    parser.add_argument("--page", type=Path, help="write the table here (docs/performance.md)")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="list figures that became worse"
    )
    parser.add_argument("--tolerance", type=float, default=1.5, help="times worse that is accepted")
    options = parser.parse_args()
    if not options.names and not options.all:
        parser.error("name a benchmark, or --all")
    if options.add and not (options.output and options.output.exists()):
        parser.error("--add needs an --output that exists")
    return options


if __name__ == "__main__":
    sys.exit(main())
