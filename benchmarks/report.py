"""A run's JSON as a page: docs/performance.md."""

from collections.abc import Sequence
from typing import Any

from benchmarks.comparison import GIVEN_UP, TARGETS, flat

_HEAD = (
    "# Performance\n\n"
    "The command below writes this page from its own figures. "
    "[benchmarks/README.md](../benchmarks/README.md) describes what each benchmark does, and how "
    "it checks what it measures. Broker, worker, clients and subscriber share the machine's cores: "
    "compare figures within one run only. `--compare` lists what became worse between two runs.\n"
)

_LIMITS = (
    "What limits the figures of missed targets (times of two slow cores; how this was measured: "
    "[benchmarks/README.md](../benchmarks/README.md#what-limits-it)):\n"
)


def render(document: dict[str, Any]) -> str:
    """Markdown of a document as benchmarks.__main__ writes it."""
    benchmarks = document["benchmarks"]
    parts = [_HEAD, _circumstances(document)]
    # Figures of few users are not compared with targets.
    parts += [] if document["small"] else [_targets(benchmarks)]
    parts += [_figures(name, found) for name, found in benchmarks.items()]
    return "\n".join(parts)


def _circumstances(document: dict[str, Any]) -> str:
    facts = {"command": f"`{document['command']}`", "date": document["date"]}
    facts |= {name.replace("_", " "): str(value) for name, value in document["machine"].items()}
    facts["versions"] = ", ".join(f"{n} {v}" for n, v in document["versions"].items())
    return _table(("", ""), [(name, str(value)) for name, value in facts.items()])


def _targets(benchmarks: dict[str, Any]) -> str:
    seen = dict(flat(benchmarks))
    rows, limits = [], []
    for target in TARGETS:
        value = seen.get(target.figure)
        met, shown = "not measured", ""
        if value is not None:
            met, shown = "yes", number(value)
            if not target.is_met(value):
                met = f"**no**, {target.short_by(value):.3g} times short"
                limits.append((target.what, target.limit or "not known"))
        rows.append((target.what, target.text, shown, met, f"`{target.figure}`"))
    parts = ["## Targets\n", _table(("what", "target", "seen", "met", "figure"), rows)]
    if limits:
        parts += [_LIMITS, _table(("what", "limited by"), limits)]
    parts += ["Given up as targets:\n", _table(("what", "because"), GIVEN_UP)]
    return "\n".join(parts)


def _figures(name: str, found: dict[str, Any]) -> str:
    if "failed" in found:
        return f"## {name}\n\nFailed: {found['failed']}\n"
    shared: dict[str, dict[str, str]] = {}
    for dotted, value in flat(found):
        row, _, column = dotted.rpartition(".")
        shared.setdefault(row, {})[column] = number(value)
    parts = [f"## {name}\n"]
    if own := shared.pop("", None):
        own.pop("cores", None)
        parts.append(_table(("figure", ""), [(f"`{k}`", v) for k, v in own.items()]))
    # Rows with the same columns are in one table.
    tables: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row, columns in shared.items():
        tables.setdefault(tuple(columns), []).append((f"`{row}`", *columns.values()))
    parts += [_table(("", *columns), rows) for columns, rows in tables.items()]
    return "\n".join(parts)


def number(value: float) -> str:
    """Formatted: thousands separated, no more digits than are significant."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
