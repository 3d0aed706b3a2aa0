"""`python -m tests.registrars --count N --seed S`: presence against a real registrar's own table.

Exit status 1 where something differs. The last line is JSON: registrar, steps, wrong, seeds.
"""

import argparse
import importlib
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog

from tests.registrars import running
from tests.registrars.playing import Player
from tests.registrars.registrar import without_periodic_listings

_KINDS = {"kamailio": "Kamailio", "opensips": "OpenSips", "freeswitch": "FreeSwitch"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.registrars", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="steps at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--registrar", choices=sorted(_KINDS), default="kamailio")
    parser.add_argument("--show", type=int, metavar="SEED", help="one script, step by step")
    parser.add_argument("--options", type=int, help="only scripts of this option set")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    module = importlib.import_module(f"tests.registrars.{arguments.registrar}")
    kind: type[Any] = getattr(module, _KINDS[arguments.registrar])
    if arguments.show is not None:
        return _show(kind, arguments.show)
    chosen = running.scripts(kind, arguments.seed, arguments.count)
    if arguments.options is not None:
        chosen = [script for script in chosen if script.options == arguments.options]
    summary = running.run(kind, chosen, _print)
    _print(json.dumps(summary.as_json()))
    return 1 if summary.wrong else 0


def _show(kind: type[Any], seed: int) -> int:
    script = running.script_of(kind, seed)
    options = kind.OPTION_SETS[script.options]
    _print(f"{kind.__name__}, {options.name}; devices: {', '.join(script.networks)}")
    with (
        without_periodic_listings(),
        tempfile.TemporaryDirectory(prefix="rollcall-registrars-") as folder,
    ):
        registrar = kind(Path(folder), options)
        try:
            outcome = Player(script, registrar, _print).play()
        finally:
            registrar.stop()
    for line in outcome.wrong or ["presence agreed with the registrar"]:
        _print(line)
    return 1 if outcome.wrong else 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
