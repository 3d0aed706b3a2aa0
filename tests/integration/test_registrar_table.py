"""Presence against a real Kamailio's own table, by generated clients: a small run of fixed stories.

`python -m tests.registrars --count N --seed S` plays as many as you like.
"""

from tests.integration.kamailio_server import need_programs
from tests.registrars import running
from tests.registrars.kamailio import Kamailio

STEPS, SEED = 1500, 16


def test_presence_is_what_usrloc_lists() -> None:
    need_programs("kamailio")
    report: list[str] = []
    chosen = running.stories(Kamailio, SEED, STEPS)
    summary = running.run(Kamailio, chosen, report.append)
    assert not summary.wrong, "\n".join(report)
    assert summary.steps >= STEPS
    # Without steps that the registrar took nothing was tried.
    assert summary.refused < summary.steps / 4
