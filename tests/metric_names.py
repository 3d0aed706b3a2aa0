"""The metrics that runtime/metrics.py declares, with their labels, as its comments have them."""

import re
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "runtime" / "metrics.py"
_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")
_LABELS = re.compile(r"Labels: ([a-z_]+(?:, [a-z_]+)*)")


@cache
def declared() -> dict[str, frozenset[str]]:
    """By name, without a suffix of its type, the labels."""
    found: dict[str, frozenset[str]] = {}
    comment: list[str] = []
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif name := re.search(r'"(rollcall_\w+)"', line):
            labels = _LABELS.search(" ".join(comment))
            found[name[1]] = frozenset(labels[1].split(", ") if labels else ())
            comment = []
    return found


def family(name: str) -> str:
    """A name that is exposed → the one that is declared. Raises KeyError where there is none."""
    if name in declared():
        return name
    for suffix in _SUFFIXES:
        if name.removesuffix(suffix) in declared():
            return name.removesuffix(suffix)
    raise KeyError(name)
