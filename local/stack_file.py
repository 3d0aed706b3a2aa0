"""`stack.json` in a stack's folder: its pid, and the addresses of what it runs."""

import json
from pathlib import Path
from typing import Any

from local.processes import is_running

STACK_FILE = "stack.json"


def stack_file(folder: Path) -> Path:
    """The path of the file."""
    return folder / STACK_FILE


def read_stack(folder: Path) -> dict[str, Any] | None:
    """The document of the running stack; None where no stack runs, even if a file was left."""
    document = _read(folder)
    pid = recorded_owner(folder)
    return document if pid is not None and is_running(pid) else None


def recorded_owner(folder: Path) -> int | None:
    """The pid of the stack that wrote the file, whether it runs or not."""
    try:
        return int(_read(folder)["pid"])
    except (ValueError, KeyError, TypeError):
        return None


def recorded_stages(folder: Path) -> dict[str, int]:
    """The stages' pids by label, whether they run or not."""
    stages = _read(folder).get("stages") or {}
    return {label: stage["pid"] for label, stage in stages.items() if stage.get("pid")}


def write_stack(folder: Path, document: dict[str, Any]) -> None:
    """Replace the file in one step; only its owner can read it."""
    file = stack_file(folder)
    draft = file.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document, indent=2) + "\n")
    draft.replace(file)


def _read(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads(stack_file(folder).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
