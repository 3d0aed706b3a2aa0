"""The named questions: one SQL file each, which begins with the question it answers.

    -- Question?
    -- Column: what it means.        (as many lines as wanted)
    -- Plot: VALUE by LABEL.         (columns that a terminal shows as a plot, where that helps)
    SELECT …

A file may use the parameters {at}, {from}, {to} (DateTime64(6, 'UTC')), {node}, {domain} and {aor}
(String, empty where all are meant).
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PARAMETERS = ("at", "from", "to", "node", "domain", "aor")
_USED = re.compile(r"\{(\w+):")
_PLOT = re.compile(r"Plot: (\w+) by (\w+)\.")


class UnknownQuery(Exception):
    """There is no query of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """`question` is a sentence, `notes` explain the answer; `plot`: its columns of value, label."""

    name: str
    question: str
    notes: tuple[str, ...]
    sql: str
    plot: tuple[str, str] | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters it takes."""
        return frozenset(_USED.findall(self.sql))


@cache
def catalogue() -> dict[str, NamedQuery]:
    """All queries by name, sorted."""
    found = {}
    for file in sorted(files(__package__).iterdir(), key=lambda one: one.name):
        name, _, kind = file.name.rpartition(".")
        if kind == "sql":
            found[name] = _read(name, file.read_text(encoding="utf-8"))
    return found


def find(name: str) -> NamedQuery:
    """Raises UnknownQuery."""
    try:
        return catalogue()[name]
    except KeyError:
        raise UnknownQuery(f"no query {name!r}; there are: {', '.join(catalogue())}") from None


def _read(name: str, text: str) -> NamedQuery:
    lines = text.splitlines()
    comments = [line[2:].strip() for line in lines if line.startswith("--")]
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip()
    plots = [match for comment in comments if (match := _PLOT.fullmatch(comment))]
    notes = tuple(comment for comment in comments[1:] if not _PLOT.fullmatch(comment))
    plot = (plots[0][1], plots[0][2]) if plots else None
    return NamedQuery(name, comments[0], notes, sql, plot)
