"""`python -m tests.histories --count N --seed S`: N generated histories against the folds.

Each is drawn from its own seed, S, S+1, ...; the last line is one JSON object: how many were
played, how many were wrong, and the seeds of those. `--show SEED` prints one of them.
With `--refreshing` most acts are refreshes, which the streams write in short.
"""

import argparse
import json
import sys

from tests.histories.history import play


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, help="one seed")
    parser.add_argument("--refreshing", action="store_true", help="mostly refreshes")
    options = parser.parse_args()
    if options.show is not None:
        show(options.show, refreshing=options.refreshing)
        return
    seeds = range(options.seed, options.seed + options.count)
    wrong = [seed for seed in seeds if play(seed, refreshing=options.refreshing).wrong]
    result = {"histories": options.count, "wrong": len(wrong), "seeds": wrong[:100]}
    sys.stdout.write(f"{json.dumps(result)}\n")
    sys.exit(bool(wrong))


def show(seed: int, *, refreshing: bool = False) -> None:
    """Print the reports in the order of arrival, the published records, and what was wrong."""
    history = play(seed, refreshing=refreshing)
    for at, one in history.reports:
        event = one.event
        what = (
            f"{event.kind} {getattr(event, 'aor', '') or ''} {getattr(event, 'contact', '') or ''}"
        )
        more = f"cookie={getattr(event, 'cookie', None)} seq={event.seq} {event.boot}"
        call = getattr(event, "call_id", None)
        sys.stdout.write(f"{at:9.2f} {one.at:9.2f} {one.source:13} {what} {more} {call or ''}\n")
    for presence in history.published:
        where = [(b.node, b.edge, b.remote.port if b.remote else None) for b in presence.bindings]
        line = f"{presence.aor} v{presence.version} {presence.status} {presence.cause} {where}"
        sys.stdout.write(f"{line} {presence.evidence}\n")
    for wrong in history.wrong:
        sys.stdout.write(f"WRONG {wrong}\n")


if __name__ == "__main__":
    main()
