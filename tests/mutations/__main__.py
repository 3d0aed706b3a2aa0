"""`python -m tests.mutations`: break the folds' rules one at a time; do the tests notice?

Every condition is dropped, turned round, or thinned out, every write left out, every tolerance set
to nothing. `--only TEXT ...` tries those whose name has one of them, `--list` shows them. The last
line is one JSON object: `mutants`, `caught`, and the names of those that nothing noticed.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.mutations.breaking import Mutant, mutants
from tests.mutations.harmless import HARMLESS
from tests.mutations.trying import try_all

RULES = (
    "folds.registration",
    "folds.registration_end",
    "folds.listed_row",
    "folds.ping",
    "folds.binding_confirm",
    "folds.connection_owner",
    "folds.previous_process",
    "folds.registrar_disconnect",
    "folds.binding_end",
    "folds.tombstones",
    "folds.ordering",
    "folds.edges",
    "folds.devices",
    "folds.edge_reports",
    "folds.edge_loss",
    "folds.device_updates",
    "folds.edge_connections",
    "folds.edge_join",
    "folds.edge_listings",
    "folds.listed_before",
    "folds.visible_change",
    "folds.connection",
    "folds.connection_loss",
    "folds.node",
    "folds.node_state",
    "folds.call",
    "folds.media",
    "folds.snapshot",
    "folds.replaced_bindings",
    "folds.expiry",
    "folds.refresh",
    "folds.short_refresh",
    "folds.presence",
    "folds.outcome",
    "batches.leases",
)
STREAMS = Path(__file__).parents[2] / "streams"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names to try")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [m for m in every() if any(text in m.name for text in options.only)]
    if options.list:
        for mutant in chosen:
            sys.stdout.write(f"{mutant.name}\n")
        return
    outcomes: dict[str, bool] = {}

    def tried(mutant: Mutant, caught: bool) -> None:
        outcomes[mutant.name] = caught
        if not caught:
            sys.stdout.write(f"not noticed: {mutant.name} (line {mutant.line})\n")
            sys.stdout.flush()
        if len(outcomes) % 100 == 0:
            sys.stderr.write(f"{len(outcomes)} of {len(chosen)} tried\n")

    try_all(chosen, {f"streams.{name}": _source(name) for name in RULES}, options.jobs, tried)
    missed = [mutant.name for mutant in chosen if not outcomes[mutant.name]]
    result = {"mutants": len(chosen), "caught": len(chosen) - len(missed), "missed": missed}
    sys.stdout.write(f"{json.dumps(result)}\n")
    sys.exit(bool(missed))


def _source(name: str) -> str:
    return STREAMS.joinpath(*name.split(".")).with_suffix(".py").read_text()


def every() -> list[Mutant]:
    """All mutants of all folds, but those that are known to change nothing.

    Raises LookupError where one of these does not exist any more.
    """
    found = [mutant for name in RULES for mutant in mutants(f"streams.{name}", _source(name))]
    if gone := HARMLESS.keys() - {mutant.name for mutant in found}:
        raise LookupError(f"harmless.py lists what is no mutant: {sorted(gone)}")
    return [mutant for mutant in found if mutant.name not in HARMLESS]


if __name__ == "__main__":
    main()
