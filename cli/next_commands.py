"""The end of the demo: which data it leaves, and the next commands, to copy."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from schemas.presence import Presence


def next_commands(folder: Path, users: Iterable[Presence]) -> list[str]:
    """The commands that ask the data in `folder`: who, explain one of `users`, and the calls."""
    program, place = _program(), shlex.quote(str(folder))
    known = sorted(users, key=lambda presence: (presence.reachable, presence.aor))
    found = [f"{program} who --folder {place}"]
    if known:
        aor = shlex.quote(known[0].aor.removeprefix("sip:"))
        found.append(f"{program} explain {aor} --folder {place}")
    return [*found, f"{program} query calls --folder {place}"]


def _program() -> str:
    """How this command was called, so that it works in the same shell and folder."""
    called = Path(sys.argv[0])
    on_path = shutil.which("rollcall")
    if on_path is not None and called.exists() and os.path.samefile(on_path, called):
        return "rollcall"
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m cli"
    near = os.path.relpath(called)
    if near.startswith(".."):
        return shlex.quote(str(called))
    return shlex.quote(near if "/" in near else f"./{near}")
