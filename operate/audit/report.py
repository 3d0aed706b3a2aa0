"""Prints a report for people, encodes it for programs, and sets its metrics."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from operate.audit.audit import Report
from operate.audit.findings import UNCHECKED, Disagreement, Kind
from runtime import metrics


def as_table(report: Report) -> Table:
    """A table of the disagreements, sorted by user."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("user", "node", "what", "contact", "why"):
        table.add_column(column, overflow="fold")
    for one in sorted(report.disagreements, key=lambda one: (one.aor, one.node)):
        table.add_row(one.aor, one.node, one.kind, one.contact, one.detail)
    return table


def as_lines(report: Report) -> list[str]:
    """Lines that count what was compared, what differs rightly, and what was not audited."""
    bindings = sum(report.bindings.values())
    lines = [
        f"{len(report.disagreements)} disagreements; {bindings} bindings of {report.users} users "
        f"on {', '.join(sorted(report.bindings)) or 'no node'}"
    ]
    for title, excuses in (
        ("rightly different", report.excused.keys() - UNCHECKED),
        ("not checked", report.excused.keys() & UNCHECKED),
    ):
        if excuses:
            counts = (f"{report.excused[excuse]} {excuse}" for excuse in sorted(excuses))
            lines.append(f"{title}: {', '.join(counts)}")
    lines += [f"NOT AUDITED {node}: {why}" for node, why in sorted(report.unaudited.items())]
    return lines


def as_json(one: Disagreement) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "node": one.node,
        "aor": one.aor,
        "contact": one.contact,
        "detail": one.detail,
    }


def summary(report: Report) -> dict[str, Any]:
    """The last line of `--json`, and the stage's status."""
    return {
        "nodes": dict(sorted(report.bindings.items())),
        "bindings": sum(report.bindings.values()),
        "users": report.users,
        "disagreements": len(report.disagreements),
        "unaudited": dict(sorted(report.unaudited.items())),
        "excused": {str(excuse): count for excuse, count in sorted(report.excused.items())},
    }


class Gauges:
    """Sets the metrics of repeated audits."""

    def __init__(self) -> None:
        self._unaudited: set[str] = set()

    def show(self, report: Report, at: float) -> None:
        """Set the metrics of a report made `at` seconds since the epoch."""
        counts = Counter((one.node, one.kind) for one in report.disagreements)
        for node, listed in report.bindings.items():
            for kind in Kind:
                labels = {"node": node, "kind": kind.value}
                metrics.AUDIT_DISAGREEMENTS.set(counts[node, kind], labels)
            metrics.AUDIT_BINDINGS.set(listed, {"node": node})
            metrics.AUDIT_TIME.set(at, {"node": node})
        self.show_unaudited(report.unaudited, audited=report.bindings)

    def show_unaudited(self, nodes: Iterable[str], *, audited: Iterable[str] = ()) -> None:
        """Mark these nodes as unaudited; their other metrics keep their last values, never zero."""
        now = set(nodes)
        for node in {*audited, *self._unaudited} - now:
            metrics.AUDIT_UNAUDITED.set(0, {"node": node})
        for node in now:
            metrics.AUDIT_UNAUDITED.set(1, {"node": node})
        self._unaudited = now
