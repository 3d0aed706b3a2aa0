"""The conformance suite against two real gateways, as docs/subscribing.md has its command."""

import subprocess
import sys
from pathlib import Path

from runtime.kafka import KafkaSettings
from tests.gateway import TOKEN, gateway


def test_two_gateways_keep_the_protocol(kafka: KafkaSettings, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one_folder, other_folder = folders
    with (
        gateway(one_folder, kafka, TOKENS=TOKEN) as one,
        gateway(other_folder, kafka, TOKENS=TOKEN) as other,
    ):
        url, second = (str(stage.status()["url"]) for stage in (one, other))
        command = [sys.executable, "-m", "clients.conformance", "gateway", url]
        more = ["--other", second, "--token", TOKEN, "--kafka", kafka.bootstrap_servers]
        found = subprocess.run(
            [*command, *more, "--namespace", kafka.namespace],
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.splitlines()[-1] == "11 passed, 0 failed, 0 skipped"
