"""The management interface's clients against a real HTTP server and a real FIFO."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.network import free_port
from producers.opensips.listing import read_contacts
from producers.opensips.mi import FifoMi
from producers.sip_proxy.errors import MiRefused, MiUnreachable
from producers.sip_proxy.mi import HttpMi, Mi
from tests.integration.scripted_mi import ScriptedFifo, ScriptedMi

CAPTURES = Path(__file__).parents[1] / "captures" / "opensips"


@pytest.fixture(params=["http", "fifo"])
def mi(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ScriptedMi, Mi]]:
    scripted = ScriptedMi()
    recorded = json.loads((CAPTURES / "ul_dump.json").read_text())
    scripted.results["ul_dump"] = recorded["result"]
    if request.param == "http":
        scripted.start()
        yield scripted, HttpMi(scripted.url, "3.x", 5)
        scripted.stop()
    else:
        fifo = ScriptedFifo(tmp_path / "opensips_fifo", scripted)
        yield scripted, FifoMi(fifo.path, "3.x", 5)
        fifo.stop()


def test_command_and_its_answer(mi: tuple[ScriptedMi, Mi]) -> None:
    _, client = mi
    assert len(read_contacts(client.call("ul_dump"))) == 4


def test_error_answer_raises_mi_refused(mi: tuple[ScriptedMi, Mi]) -> None:
    _, client = mi
    with pytest.raises(MiRefused, match="Method not found"):
        client.call("dlg_list", {"callid": "x"})


def test_text_of_2_4_over_its_fifo(tmp_path: Path) -> None:
    text = (CAPTURES / "v24_ul_dump.mi_fifo.txt").read_text()
    fifo = ScriptedFifo(tmp_path / "fifo", ScriptedMi(), classic={"ul_dump": text})
    try:
        client = FifoMi(fifo.path, "2.4", 5)
        assert len(read_contacts(client.call("ul_dump"))) == 3
        with pytest.raises(MiRefused):
            client.call("uptime")
    finally:
        fifo.stop()


def test_missing_server_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(MiUnreachable):
        HttpMi(f"http://127.0.0.1:{free_port()}/mi", "3.x", 1).call("uptime")
    with pytest.raises(MiUnreachable):
        FifoMi(tmp_path / "none", "3.x", 1).call("uptime")
    (tmp_path / "file").touch()
    with pytest.raises(MiUnreachable, match="no FIFO"):
        FifoMi(tmp_path / "file", "3.x", 1).call("uptime")


def test_fifo_without_an_answer_is_unreachable(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(MiUnreachable, match="in time"):
            FifoMi(tmp_path / "fifo", "3.x", 0.3).call("uptime")
    finally:
        os.close(reader)
