"""The stage `audit` when its topics cannot be read."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from operate.audit import stage as module
from operate.audit.settings import AuditSettings, limits_of
from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.log_reader import TopicReplaced
from runtime.stage import Stage
from schemas.presence import Presence
from schemas.session import Session
from streams.settings import StreamsSettings


class View:
    """Raises what the stage's next refresh is to raise; the stage stops after the last."""

    errors: Iterator[Exception]
    made: list["View"]
    stage: Stage

    def __init__(self, *_: object) -> None:
        self.is_closed = False
        self.made.append(self)

    def refresh(self) -> None:
        if (error := next(self.errors, None)) is not None:
            raise error
        self.stage.stop.set()

    def presence(self) -> dict[str, Presence]:
        return {}

    def sessions(self) -> dict[str, Session]:
        return {}

    def close(self) -> None:
        self.is_closed = True


def test_a_topic_made_again_is_read_anew_by_the_next_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    View.errors = iter([KafkaUnavailable("no answer"), TopicReplaced("made again")])
    View.made, View.stage = [], Stage("audit")
    monkeypatch.setattr(module, "View", View)
    settings = AuditSettings(interval=timedelta(milliseconds=1))
    limits = limits_of(settings, StreamsSettings())
    auditor = module.Auditor(settings, KafkaSettings(), [], limits, View.stage)
    auditor.run()
    assert [view.is_closed for view in View.made] == [True, True]
    assert View.stage.ready.is_set()
    assert auditor.status()["audited"]
