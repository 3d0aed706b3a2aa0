"""How busy a machine is with what is not the benchmark."""

import subprocess
import sys

from benchmarks.machine import OthersWatch
from benchmarks.process import cpu_seconds

BUSY = "import time\nwhile time.process_time() < 0.4: pass\n"


def test_own_children_are_not_others() -> None:
    """Two children of 0.4 s of CPU each: one has ended, the other is counted by its pid."""
    watch = OthersWatch()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    with subprocess.Popen(
        [sys.executable, "-c", f"{BUSY}print()\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        used = cpu_seconds(running.pid)
        assert used >= 0.3
        # The machine may do other things meanwhile: only the difference is certain.
        assert watch.cores() > watch.cores(beside=used) or watch.cores() == 0
        running.kill()
