"""`python -m tests.mutations`: break the folds' rules one at a time; do the tests notice?

Every condition is dropped, turned round, or thinned out, every write left out, every tolerance set
to nothing. `--only TEXT` tries those whose name has it, `--list` shows them. The last line is one
JSON object: `mutants`, `caught`, and the names of those that nothing noticed.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis  # noqa: F401 - before the forks, for all of them
import msgspec  # noqa: F401
import pytest  # noqa: F401

import schemas.topics  # noqa: F401
from tests.mutations.breaking import Mutant, mutants
from tests.mutations.harmless import HARMLESS
from tests.mutations.trying import is_caught

FOLDS = (
    "registration_fold",
    "confirming",
    "late_fold",
    "connection_lost",
    "endings",
    "ordering",
    "devices",
    "connection_fold",
    "loss_fold",
    "node_fold",
    "call_fold",
    "media_fold",
    "snapshot_fold",
    "expiry_fold",
    "presence_fold",
    "verdict",
    "leases",
)
STREAMS = Path(__file__).parents[2] / "streams"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="part of the names to try")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [mutant for mutant in every() if options.only in mutant.name]
    if options.list:
        for mutant in chosen:
            sys.stdout.write(f"{mutant.name}\n")
        return
    if is_caught(Mutant("", "nothing broken", 0, "")):
        sys.exit("the tests fail with nothing broken: see to that first")
    missed = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, caught in zip(chosen, pool.map(is_caught, chosen), strict=True):
            if not caught:
                missed.append(mutant.name)
                sys.stdout.write(f"not noticed: {mutant.name} (line {mutant.line})\n")
                sys.stdout.flush()
    result = {"mutants": len(chosen), "caught": len(chosen) - len(missed), "missed": missed}
    sys.stdout.write(f"{json.dumps(result)}\n")
    sys.exit(bool(missed))


def every() -> list[Mutant]:
    """All mutants of all folds, but those that are known to change nothing."""
    return [
        mutant
        for name in FOLDS
        for mutant in mutants(f"streams.{name}", (STREAMS / f"{name}.py").read_text())
        if mutant.name not in HARMLESS
    ]


if __name__ == "__main__":
    main()
