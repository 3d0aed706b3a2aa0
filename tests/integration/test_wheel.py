"""The wheel, built as the image builds it, has the files that are no modules."""

import subprocess
import sys
import zipfile
from pathlib import Path

from sinks.gateway.board.assets import assets

ROOT = Path(__file__).parents[2]


def test_wheel_has_the_boards_files_as_they_are(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path)]
    built = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=150)
    assert built.returncode == 0, built.stderr[-3000:]
    (wheel,) = tmp_path.glob("rollcall-*.whl")
    with zipfile.ZipFile(wheel) as files:
        assert len(assets()) >= 5
        for name, asset in assets().items():
            assert files.read(f"sinks/gateway/board/static/{name}") == asset.body
