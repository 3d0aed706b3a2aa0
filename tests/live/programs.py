"""Servers that no package of Debian's brings: found by the environment or PATH, else skipped."""

import os
import shutil
from pathlib import Path

import pytest


def need_program(variable: str, name: str) -> Path:
    """The program at `$variable`, else `name` on PATH; skips the test where there is neither."""
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        pytest.skip(f"needs a {name} of yours: put it on PATH, or its path into {variable}")
    return Path(found).resolve()
