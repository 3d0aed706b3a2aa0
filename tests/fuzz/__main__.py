"""`python -m tests.fuzz --examples N [--only NAME]`: the fuzzing of `make test`, for longer.

New examples each time. One that fails is kept in .hypothesis and tried first the next time.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--examples", type=int, default=2000, help="of a usual property")
    parser.add_argument("--only", default="", help="properties whose name contains this")
    arguments = parser.parse_args()
    os.environ["ROLLCALL_FUZZ_EXAMPLES"] = str(arguments.examples)
    options = ["-q", "--timeout=0", "--durations=5", "--hypothesis-show-statistics"]
    if arguments.only:
        options += ["-k", arguments.only]
    return int(pytest.main([*options, str(Path(__file__).parent)]))


if __name__ == "__main__":
    sys.exit(main())
