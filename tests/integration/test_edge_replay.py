"""An edge before a registrar: three recordings at once, each through its real producer."""

from itertools import groupby
from pathlib import Path

import pytest

from runtime.kafka import KafkaSettings
from tests.integration.rollcall_process import rollcall
from tests.replaying import changes, into, lines
from tests.stages import StageProcess
from tests.unit.opensips_capture import EDGES
from tests.unit.scenarios.test_edge_captures import EXPECTED

pytestmark = pytest.mark.timeout(300)

# One of each way to end, and of each topology; their users do not meet.
UNPACED = ("A_kill9", "AN_register_refresh", "B1rmblind_kill9_removed")
PACED = ("Aon_proxyclose", "B1_reconnect")


@pytest.mark.parametrize("speed", [(), ("--speed", "1")], ids=["unpaced", "as recorded"])
def test_three_sources_at_once(
    speed: tuple[str, ...], kafka: KafkaSettings, tmp_path: Path
) -> None:
    streams = StageProcess("streams.stage", tmp_path, kafka)
    try:
        for name in PACED if speed else UNPACED:
            done = rollcall(
                "replay",
                f"freeswitch={EDGES / name}.fs.json",
                f"opensips={EDGES / name}.datagram",
                f"sockets={EDGES / name}.sockets.jsonl",
                *speed,
                *into(kafka),
                "--json",
                folder=tmp_path,
                kafka=kafka,
            )
            seen = {
                user: [change for change, _ in groupby(shown)]
                for user, shown in changes(lines(done)).items()
            }
            assert seen == EXPECTED[name], name
    finally:
        streams.terminate()
