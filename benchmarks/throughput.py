"""`python -m benchmarks.throughput`: events/s of the streams worker and of its peers.

All on one broker and one data set, one after another; the last line is one JSON object.
"""

import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import broker, loading, mixed, results, running, topics
from benchmarks.dataset import LEAVES, DataSet
from benchmarks.loading import Input
from benchmarks.peers import Job, kafka_streams
from benchmarks.subscriber import Seen
from runtime.kafka import KafkaSettings
from schemas.codec import decode
from schemas.registration import RegistrationEvent


@dataclass(frozen=True, slots=True)
class Peer:
    """How one peer is started, and with which input."""

    name: str
    command: Callable[[], list[str]]
    slow: bool = False
    stateless: bool = False


def _python(module: str, *arguments: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-W", "ignore", "-m", module, *arguments]


def worker() -> list[str]:
    return [sys.executable, "-c", "import streams.stage as s; s.run()"]


limit = _python("benchmarks.peers.limit")
PEERS = (
    Peer("rollcall", worker),
    Peer("plain_faust", _python("benchmarks.peers.plain_faust"), slow=True),
    Peer("quix", _python("benchmarks.peers.quix")),
    Peer("kafka_streams", kafka_streams.command),
    Peer("limit", limit, stateless=True),
    # The job of plain_faust on the transport of rollcall.
    Peer("batch_transport", _python("benchmarks.peers.batch_transport")),
    # The same program as plain_faust with the one setting that makes it faster.
    Peer("plain_faust_tuned", _python("benchmarks.peers.plain_faust", "20"), slow=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One peer's result."""

    events_per_second: float
    events: int
    cost: running.Cost


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen peers and print the report; a wrong result ends the run with an error."""
    options = _options(arguments)
    with started(options.partitions, options.only) as kafka:
        data = DataSet(options.events, options.users, leaves=options.leaves)
        result = compare(kafka, data, options)
        together = mixed.measure(
            kafka,
            worker(),
            limit(),
            _environment(kafka),
            options.users // 4,
            options.timeout,
        )
    print(json.dumps(result | {"mixed": together}))  # noqa: T201 - its last line


@contextmanager
def started(partitions: int, names: Iterable[str]) -> Iterator[KafkaSettings]:
    """A Kafka of its own, with the topics of these peers."""
    with tempfile.TemporaryDirectory(prefix="rollcall-benchmark-") as folder:
        _progress("starting Kafka...")
        with broker.running(Path(folder)) as running_broker:
            kafka = running_broker.kafka.model_copy(update={"partitions": partitions})
            topics.create(kafka, names)
            yield kafka


def compare(
    kafka: KafkaSettings,
    data: DataSet,
    options: argparse.Namespace,
    warm_up: float = results.WARM_UP,
) -> dict[str, object]:
    """The report of the chosen peers on one data set, one after another."""
    whole, share = loading.load(kafka, data, options.slow_events)
    measured = {
        peer.name: measure(kafka, peer, share if peer.slow else whole, options.timeout, warm_up)
        for peer in PEERS
        if peer.name in options.only
    }
    return report(measured, whole, data.users)


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def measure(
    kafka: KafkaSettings, peer: Peer, loaded: Input, timeout: float, warm_up: float
) -> Measured:
    """Run one peer and judge its output. Raises running.PeerFailed, results.WrongResult."""
    is_worker = peer.name == "rollcall"
    job = Job(
        bootstrap_servers=kafka.bootstrap_servers,
        input=loaded.topic,
        output=topics.output_topic(peer.name),
        group=kafka.model_copy(update={"namespace": topics.WHOLE}).group("streams")
        if is_worker
        else f"bench-{peer.name}",
        partitions=kafka.partitions,
        folder="",
    )
    ends = {(loaded.topic, number): end for number, end in loaded.ends.items()}
    cost = running.run(kafka, peer.name, peer.command(), job, ends, _environment(kafka), timeout)
    records = list(results.read(kafka, job.output))
    try:
        rate = _checked_rate(peer, loaded, records, warm_up)
    except results.WrongResult as error:
        raise results.WrongResult(f"{peer.name}: {error}") from error
    _progress(f"{peer.name}: {rate:,.0f} events/s, {len(records):,} records, correct")
    return Measured(rate, loaded.expected.events, cost)


def _checked_rate(
    peer: Peer, loaded: Input, records: list[results.Output], warm_up: float
) -> float:
    if peer.stateless:
        events = [decode(RegistrationEvent, record.value) for record in records]
        results.check_copies(loaded, [(event.aor or "", event.id) for event in events])
        proofs = [(r.at_ms, [e.id]) for r, e in zip(records, events, strict=True)]
        return results.rate(loaded, proofs, warm_up)
    decoder = msgspec.json.Decoder(Seen)
    seen = [decoder.decode(record.value) for record in records]
    results.check_presence(loaded, seen)
    proofs = [(r.at_ms, s.evidence) for r, s in zip(records, seen, strict=True)]
    return results.rate(loaded, proofs, warm_up)


def _environment(kafka: KafkaSettings) -> dict[str, str]:
    """Settings of the streams worker (the peers ignore them), and no settings file."""
    return {
        "ROLLCALL_SETTINGS": os.devnull,
        "ROLLCALL_KAFKA_NAMESPACE": topics.WHOLE,
        "ROLLCALL_KAFKA_PARTITIONS": str(kafka.partitions),
        "ROLLCALL_LOG_LEVEL": "WARNING",
    }


def report(measured: dict[str, Measured], whole: Input, users: int) -> dict[str, object]:
    """The object of the last line: first the rates, then the circumstances."""
    rates: dict[str, object] = {n: round(m.events_per_second) for n, m in measured.items()}
    for ours in ("rollcall", "batch_transport"):
        if ours in measured:
            rate = measured[ours].events_per_second
            rates[f"{ours}_over"] = {
                n: round(rate / m.events_per_second, 2) for n, m in measured.items() if n != ours
            }
        costs = {n: m.cost.cpu_seconds / m.events for n, m in measured.items()}
        if ours in measured:
            rates[f"{ours}_over_per_cpu_second"] = {
                n: round(cost / costs[ours], 2) for n, cost in costs.items() if n != ours
            }
    packages = ("faust-streaming", "quixstreams", "confluent-kafka", "msgspec")
    return rates | {
        "events": {n: m.events for n, m in measured.items()},
        "users": users,
        "status_changes": whole.expected.changes,
        "cpu_us_per_event": {
            n: round(m.cost.cpu_seconds * 1e6 / m.events, 1) for n, m in measured.items()
        },
        "wall_seconds": {n: round(m.cost.wall_seconds, 1) for n, m in measured.items()},
        "cores": os.cpu_count(),
        "versions": {p: importlib.metadata.version(p) for p in packages}
        | {"kafka-streams": kafka_streams.VERSION},
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    add_options(parser, events=160_000, users=40_000, leaves=LEAVES)
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, help=str(names))
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(names):
        parser.error(f"no such peer: {', '.join(sorted(unknown))} (there are {', '.join(names)})")
    return options


def add_options(parser: argparse.ArgumentParser, events: int, users: int, leaves: float) -> None:
    """The options of a data set and of a peer's run."""
    parser.add_argument("--events", type=int, default=events)
    parser.add_argument("--users", type=int, default=users)
    parser.add_argument(
        "--leaves",
        type=float,
        default=leaves,
        help="share of an online phone's events; else refresh",
    )
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--slow-events", type=int, default=5_000, help="for plain_faust")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds for one peer")


if __name__ == "__main__":
    main()
