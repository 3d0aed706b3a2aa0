"""The command as a process, in a folder without a stack."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str, float]:
    """Its exit status, output, errors, and the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if "KAFKA" not in name},
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "80",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began
