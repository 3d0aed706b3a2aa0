"""The readers of Kafka in docs/subscribing.md, as they stand there: Python, Java and JavaScript."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from local.kafka.jars import classpath
from runtime.kafka import KafkaSettings
from schemas.topics import PRESENCE
from tests.eventually import eventually
from tests.user_center import presence, publish

ROOT = Path(__file__).parents[2]
PACKAGES = Path(__file__).with_name("topic_consumers_npm")
ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"


def snippet(language: str) -> str:
    """The code in that language of the section on Kafka."""
    page = (ROOT / "docs" / "subscribing.md").read_text()
    section = page.partition("## From Kafka itself\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found)


def python_reader(folder: Path) -> list[str]:
    path = folder / "presence_reader.py"
    path.write_text(snippet("python"))
    return [sys.executable, str(path)]


def java_reader(folder: Path) -> list[str]:
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("no Java compiler: apt-get install default-jdk-headless")
    path = folder / "PresenceReader.java"
    path.write_text(snippet("java"))
    return ["java", "-cp", classpath(), str(path)]


def javascript_reader(folder: Path) -> list[str]:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node or no npm: apt-get install nodejs npm")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PACKAGES / name, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True
    )
    path = folder / "presence-reader.mjs"
    path.write_text(snippet("js"))
    return ["node", str(path)]


@contextmanager
def running(command: list[str], kafka: KafkaSettings, out: Path) -> Iterator[None]:
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TOPIC": kafka.name(PRESENCE),
    }
    with out.open("wb") as file, out.with_name("errors").open("wb") as errors:
        process = subprocess.Popen(command, stdout=file, stderr=errors, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("reader", [python_reader, java_reader, javascript_reader])
def test_a_reader_of_the_topic_gets_each_newest_record_and_removals(
    reader: Callable[[Path], list[str]], kafka: KafkaSettings, tmp_path: Path
) -> None:
    command = reader(tmp_path)
    publish(kafka, [presence(ANN, 1), presence(BOB, 4), presence(BOB, 3), presence(EVE, 1)])
    out = tmp_path / "out"

    def lines() -> set[str]:
        return set(out.read_text().splitlines())

    with running(command, kafka, out):
        state = {f"{ANN} 1 online", f"{BOB} 4 offline", f"{EVE} 1 online"}
        eventually(lambda: lines() == state, 60, what=f"the state; see {out}")
        producer = Producer(kafka.producer())
        producer.produce(kafka.name(PRESENCE), key=EVE.encode(), value=None)
        assert producer.flush(30) == 0
        publish(kafka, [presence(ANN, 2), presence(EVE, 1)])
        more = {f"{ANN} 2 offline", f"{EVE} removed"}
        eventually(lambda: lines() == state | more, what=f"changes; see {out}")
        eventually(
            lambda: out.read_text().splitlines().count(f"{EVE} 1 online") == 2,
            what="the user who began again",
        )
