"""The stage `audit`: compares presence with the nodes at intervals, and reports disagreements."""

import time
from collections.abc import Sequence
from typing import Any

from operate.audit.audit import Audit, Report
from operate.audit.findings import Limits
from operate.audit.nodes import names_of, nodes_of
from operate.audit.presence_view import View
from operate.audit.registrar import Registrar
from operate.audit.report import Gauges, as_json, summary
from operate.audit.settings import AuditSettings, limits_of
from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.log_reader import TopicReplaced
from runtime.settings import load
from runtime.stage import Stage
from streams.settings import StreamsSettings

log = logs.get(__name__)

NAME = "audit"
# Disagreements listed one by one in the log and in /status; their number is always there.
_LISTED_MAX = 50


class Auditor:
    """Runs audits; the stage is ready while the last one could read presence, whatever it found."""

    def __init__(
        self,
        settings: AuditSettings,
        kafka: KafkaSettings,
        registrars: Sequence[Registrar],
        limits: Limits,
        stage: Stage,
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._registrars = registrars
        self._limits = limits
        self._stage = stage
        self._view: View | None = None
        self._gauges = Gauges()
        self._report: Report | None = None

    def run(self) -> None:
        """Audit until the stage stops. Raises KafkaMisconfigured."""
        stop = self._stage.stop
        try:
            while not stop.is_set():
                self._audit()
                stop.wait(self._settings.interval.total_seconds())
        finally:
            if self._view is not None:
                self._view.close()

    def status(self) -> dict[str, Any]:
        """The summary of the last audit that could read presence, for /status."""
        if self._report is None:
            return {"audited": False}
        first = [as_json(one) for one in self._report.disagreements[:_LISTED_MAX]]
        return {"audited": True, **summary(self._report), "first": first}

    def _audit(self) -> None:
        stage, settle = self._stage, self._settings.settle.total_seconds()
        try:
            if self._view is None:
                self._view = View(self._kafka, names_of(self._registrars))
            audit = Audit(self._registrars, self._view, self._limits, settle, stage.stop.wait)
            report = audit.run()
        except (KafkaUnavailable, TopicReplaced) as error:
            if self._view is not None and isinstance(error, TopicReplaced):
                self._view.close()
                self._view = None  # the next audit reads the new topic
            log.error("audit failed: presence cannot be read", reason=str(error))
            self._gauges.show_unaudited(one.label for one in self._registrars)
            stage.ready.clear()
            return
        self._gauges.show(report, time.time())
        self._log(report)
        self._report = report
        stage.ready.set()

    def _log(self, report: Report) -> None:
        for one in report.disagreements[:_LISTED_MAX]:
            log.error("presence disagrees with a node", **as_json(one))
        for node, why in report.unaudited.items():
            log.error("node not audited", node=node, reason=why)
        log.info("audit done", bindings=report.bindings, disagreements=len(report.disagreements))


def run() -> None:
    """Run the stage until it is stopped. Raises BadSettings, BadArgument, KafkaMisconfigured."""
    settings, kafka = load(AuditSettings), load(KafkaSettings)
    registrars, limits = nodes_of(settings.nodes), limits_of(settings, load(StreamsSettings))
    stage = Stage(NAME)
    auditor = Auditor(settings, kafka, registrars, limits, stage)
    stage.status = auditor.status
    stage.start()
    auditor.run()
