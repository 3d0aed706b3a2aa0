"""`rollcall audit`: compares presence once with the SIP nodes' own listings."""

import time
from datetime import timedelta

import typer
from rich.console import Console

from cli.console import emit
from cli.kafka import reachable_kafka
from operate.audit.audit import Audit
from operate.audit.nodes import names_of, nodes_of
from operate.audit.presence_view import View
from operate.audit.report import as_json, as_lines, as_table, summary
from operate.audit.settings import AuditSettings, limits_of
from runtime.settings import load
from streams.settings import StreamsSettings


def audit(nodes: list[str], settle: float | None, json_lines: bool) -> bool:
    """Print every disagreement and a summary; whether there is none and every node answered.

    Raises BadArgument, BadSettings, KafkaUnavailable, KafkaMisconfigured, TopicReplaced.
    """
    settings = load(AuditSettings)
    settle_time = settings.settle if settle is None else timedelta(seconds=settle)
    registrars = nodes_of(nodes or settings.nodes)
    limits = limits_of(settings, load(StreamsSettings))
    view = View(reachable_kafka(), names_of(registrars))
    try:
        seconds = settle_time.total_seconds()
        report = Audit(registrars, view, limits, seconds, time.sleep).run()
    finally:
        view.close()
    if json_lines:
        for one in report.disagreements:
            emit(as_json(one))
        emit(summary(report))
        return report.is_well
    if report.disagreements:
        Console().print(as_table(report))
    for line in as_lines(report):
        typer.echo(line)
    return report.is_well
