"""The stage `calls`: one record a call, of the events of all nodes, to rollcall.call-records.

One process, and no Faust: docs/decisions/0016-calls-in-a-stage-of-its-own.md.
"""

from calls.settings import CallsSettings
from calls.worker import NAME, Worker
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.settings import load
from runtime.stage import Stage, StageStopped


def run() -> None:
    """Fold until the stage is stopped.

    Raises BadSettings, KafkaMisconfigured, KafkaUnavailable, AssignmentLost: the process ends, and
    its next start reads on from the committed offsets.
    """
    settings, kafka = load(CallsSettings), load(KafkaSettings)
    stage = Stage(NAME)
    stage.start()
    try:
        stage.wait_for_kafka(lambda: ensure_topics(kafka, timeout=10.0))
    except StageStopped:
        return
    Worker(settings, kafka, stage).run()
