"""What the subcommands share: where the local stack is, users as arguments, JSON lines."""

import json
import sys
from pathlib import Path

from schemas.sip_uri import aor_of

DEFAULT_FOLDER = Path(".rollcall")


def canonical(aor: str) -> str:
    """`1001@host` or `sip:1001@host` as an AOR. Raises MalformedUri."""
    return aor_of(aor if aor.lower().startswith(("sip:", "sips:")) else f"sip:{aor}")


def emit(record: object) -> None:
    """Print one JSON object on one line, at once: a reader may follow the pipe.

    In ASCII: texts that callers chose may hold U+2028 and the like, where many readers end a line.
    """
    sys.stdout.write(json.dumps(record, separators=(",", ":")) + "\n")
    sys.stdout.flush()
