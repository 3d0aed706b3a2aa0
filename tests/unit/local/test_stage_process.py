"""A stage's process runs the installed packages, whatever is in the working folder."""

import os
import sys
import time
from pathlib import Path

import pytest

from local.stage_process import READY_SECONDS, StageFailed, StageProcess


def test_files_of_the_working_folder_are_not_imported_and_a_run_has_its_own_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "streams").mkdir()
    for name in ("streams/__init__.py", "local.py", "cli.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong file')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("ROLLCALL_STREAMS_NODE_LEASE", "no time")
    log = tmp_path / "logs" / "streams.log"
    log.parent.mkdir()
    log.write_text("of the run before\n")
    process = StageProcess("streams", log, {})
    process.start()
    with pytest.raises(StageFailed, match=r"streams\.node_lease"):
        process.wait_ready(time.monotonic() + READY_SECONDS)
    assert log.with_suffix(".log.1").read_text() == "of the run before\n"
    assert "of the run before" not in log.read_text()
