"""The named questions: one SQL file each, which begins with the question it answers.

    -- Question?
    -- Column: what it means.        (as many lines as wanted)
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


class UnknownQuery(Exception):
    """There is no query of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """`question` is a sentence, `notes` say how to read the answer."""

    name: str
    question: str
    notes: tuple[str, ...]
    sql: str

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
    return NamedQuery(name, comments[0], tuple(comments[1:]), sql)
