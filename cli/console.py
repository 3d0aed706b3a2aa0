"""What the subcommands share: the local stack's folder, users as arguments, JSON lines."""

import json
import sys
from pathlib import Path

from runtime.settings import BadArgument
from schemas.sip_uri import MalformedUri, aor_of

DEFAULT_FOLDER = Path(".rollcall")
DEMO_FOLDER = DEFAULT_FOLDER / "demo"


def canonical(aor: str) -> str:
    """`1001@host` or `sip:1001@host` as an AOR. Raises BadArgument, which quotes it."""
    try:
        return aor_of(aor if aor.lower().startswith(("sip:", "sips:")) else f"sip:{aor}")
    except MalformedUri as error:
        raise BadArgument(f"{aor[:100]!r} is no user@domain: {error}") from error


def emit(record: object) -> None:
    """Print one JSON object on one line, and flush it: a program may read the pipe.

    In ASCII: texts that callers chose may have U+2028 and the like, at which many readers split.
    """
    sys.stdout.write(json.dumps(record, separators=(",", ":")) + "\n")
    sys.stdout.flush()
